import type { Configuration } from "@synod/core";
import { configurationCodec } from "@synod/wire";
import { describe, expect, it } from "vitest";
import {
  type Answer,
  Engine,
  encodeSaid,
  openedSession,
  RestoredRows,
  reportMethod,
  StateContents,
  type StateRow,
  setQuotaMethod,
  systemService,
  UnfitBackup,
} from "../src/index.js";
import { divergenceKey, lastSwitchKey, trimPointKey, unjudgedKey } from "../src/state/layout.js";
import { builtIn, commandOf, genesis, openCommand, TestMap } from "./support.js";

const kv = "synod.kv.v1.KeyValue";

function engineOf(state: TestMap, services = builtIn): Engine {
  return new Engine({
    state,
    genesis,
    configurationCodec,
    services,
    onHandlerError: ({ error }) => {
      throw error;
    },
  });
}

const rowsOf = (map: TestMap): StateRow[] => [...map.range({ from: new Uint8Array() })];
const kindsOf = (rows: readonly StateRow[]) => new Set(rows.map(([key]) => String.fromCharCode(key[0] ?? 0)));

/** The rows in parts of a few, as a backup has them. */
function restored(rows: readonly StateRow[], slot: number, clusterId = "c0ffee0123456789"): StateRow[] {
  const making = new RestoredRows({ slot, clusterId });
  const made: StateRow[] = [];
  for (let from = 0; from < rows.length; from += 3) made.push(...making.next(rows.slice(from, from + 3)));
  return [...made, ...making.end()];
}

function mapOf(rows: readonly StateRow[]): TestMap {
  const map = new TestMap();
  for (const [key, value] of rows) map.put(key, value);
  return map;
}

const ground = { runtime: "v8 of the test", node: "v0.0.0", engines: [{ version: 1, digest: "d" }] };

function report(replica: string, slot: number, hash: string) {
  const said = {
    replica,
    store: `store-of-${replica}`,
    number: 1,
    slot,
    hash,
    earlier: [],
    offers: [],
    ground,
  };
  return { ...openCommand(replica), service: systemService, method: reportMethod, request: encodeSaid(said) };
}

/** Everything that a state can have: sessions, values, what waits, a second configuration, reports. */
function oldState(): { map: TestMap; engine: Engine; session: string } {
  const map = new TestMap();
  const engine = engineOf(map);
  const [opened] = engine.apply(1, { kind: "batch", commands: [openCommand()], logTimeMs: 1_000 });
  const session = openedSession((opened as Answer).response);
  const put = commandOf(session, 1, kv, "Put", { key: "k", value: Buffer.from("v") });
  const lock = commandOf(session, 2, "synod.lock.v1.Lock", "Acquire", {
    name: "l",
    owner: "o",
    ttlMs: "9000",
  });
  const commands = [...engine.system.installationsFor([put, lock]), put, lock];
  engine.apply(2, { kind: "batch", commands, logTimeMs: 1_100 });
  const configuration: Configuration = {
    number: 2,
    predecessor: 1,
    acceptors: [{ id: "old", address: "old:1", store: "old" }],
    leaders: [{ id: "old-l", address: "old:2" }],
    replicas: [{ id: "r1", address: "old:3" }],
  };
  engine.apply(3, { kind: "configuration", configuration });
  const checkpoint = { ...openCommand(), method: "Checkpoint" };
  engine.apply(4, { kind: "batch", commands: [checkpoint] });
  const quota = { ...openCommand(), method: setQuotaMethod, request: encodeSaid({ bytes: 1 << 20 }) };
  engine.apply(5, { kind: "batch", commands: [report("r1", 4, engine.hash), quota] });
  map.put(trimPointKey, Buffer.from("4"));
  map.put(unjudgedKey, Buffer.from('{"slot":4,"sinceMs":1100}'));
  map.put(lastSwitchKey, Buffer.from("4"));
  return { map, engine: engineOf(map), session };
}

describe("the state of a new cluster, made from a backup", () => {
  it("has nothing of the old cluster's members, disks and judgements", () => {
    const { map, engine } = oldState();
    expect(kindsOf(rowsOf(map))).toEqual(new Set("acdehnopqrstuvw"));
    expect(engine.configurations).toHaveLength(2);
    const rows = restored(rowsOf(map), 5);
    expect(kindsOf(rows)).toEqual(new Set("adeqstv"));
    const next = engineOf(mapOf(rows));
    expect(next.configurations.map(({ configuration }) => configuration.number)).toEqual([1]);
    expect([next.system.quotaBytes, next.stateBytes]).toEqual([1 << 20, engine.stateBytes]);
    const { reports } = next.system;
    expect([reports.latest.size, reports.trimPoint, reports.checkpoints.length]).toEqual([0, 0, 0]);
    expect(next.beyondCheckpoint).toBe(true);
  });

  it("has everything of the users: what was stored, what waits, versions, log time, revision, sessions", () => {
    const { map, engine, session } = oldState();
    const next = engineOf(mapOf(restored(rowsOf(map), 5)));
    for (const field of ["appliedSlot", "revision", "logTime", "nextDue", "sessions"] as const)
      expect(next[field], field).toEqual(engine[field]);
    expect(next.system.versions.all).toEqual(engine.system.versions.all);
    const put = commandOf(session, 1, kv, "Put", { key: "k", value: Buffer.from("v") });
    expect(next.apply(6, { kind: "batch", commands: [put] })[0]).toMatchObject({ repeated: true, slot: 2 });
    expect(next.revision).toBe(engine.revision);
  });

  it("opens no session under a name that the old cluster gives after the backup", () => {
    const { map, engine } = oldState();
    const next = engineOf(mapOf(restored(rowsOf(map), 5)));
    const open = { kind: "batch" as const, commands: [openCommand()] };
    const names = [engine, next].map((each) => openedSession((each.apply(6, open)[0] as Answer).response));
    expect(names).toEqual(["6.0", "6.0.c0ffee012345"]);
  });

  it("restored again before anything was decided, gives names of the last cluster alone", () => {
    const { map } = oldState();
    const once = restored(rowsOf(map), 5);
    const twice = restored(once, 5, "5eed00000000");
    expect(twice.length).toBe(once.length);
    const next = engineOf(mapOf(twice));
    const open = { kind: "batch" as const, commands: [openCommand()] };
    expect(openedSession((next.apply(6, open)[0] as Answer).response)).toBe("6.0.5eed00000000");
  });

  it("keeps its rows in order, wherever the row that names the era comes", () => {
    const { map } = oldState();
    for (const rows of [rowsOf(map), rowsOf(map).filter(([key]) => (key[0] as number) < 0x73)]) {
      const made = restored(rows, 5);
      expect(made.map(([key]) => key)).toEqual(made.map(([key]) => key).sort(Buffer.compare));
      expect(made.filter(([key]) => key[0] === 0x73 && key[1] === 2)).toHaveLength(1);
    }
  });

  it("goes on with another hash than the old one, so that chance draws something else", () => {
    const { map, engine } = oldState();
    const hashes = ["one", "two"].map((id) => engineOf(mapOf(restored(rowsOf(map), 5, id))).hash);
    expect(new Set([engine.hash, ...hashes]).size).toBe(3);
  });

  it("can be backed up and restored again", () => {
    const once = mapOf(restored(rowsOf(oldState().map), 5, "aaaaaaaaaaaaaaaa"));
    const first = engineOf(once);
    first.apply(6, { kind: "batch", commands: [openCommand()] });
    const second = engineOf(mapOf(restored(rowsOf(once), 6, "bbbbbbbbbbbbbbbb")));
    const [opened] = second.apply(7, { kind: "batch", commands: [openCommand()] });
    expect(openedSession((opened as Answer).response)).toBe("7.0.bbbbbbbbbbbb");
    expect(second.sessions).toBe(3);
    const put = commandOf("6.0.aaaaaaaaaaaa", 1, kv, "Get", { key: "k" });
    expect(second.apply(8, { kind: "batch", commands: [put] })[0]).toMatchObject({ status: 0 });
  });
});

describe("the contents of a backup", () => {
  function contentsOf(rows: readonly StateRow[]): StateContents {
    const contents = new StateContents();
    contents.add(rows);
    return contents;
  }

  it("are told by service, with sessions, commands that wait and log time", () => {
    const rows = rowsOf(oldState().map);
    const contents = contentsOf(rows);
    expect(contents.applied(5)).toMatchObject({ revision: 2, logTimeMs: 1_100 });
    expect(contents).toMatchObject({ keys: rows.length, sessions: 1, scheduled: 1 });
    expect(contents.services).toMatchObject([
      { name: kv, version: 1, keys: 1 },
      { name: "synod.lock.v1.Lock", version: 1 },
    ]);
    expect(contents.bytes).toBe(rows.flat().reduce((sum, { length }) => sum + length, 0));
  });

  it("are refused when they are those of a replica that differs", () => {
    const { map } = oldState();
    map.put(divergenceKey, Buffer.from('{"slot":4}'));
    expect(() => contentsOf(rowsOf(map))).toThrow(UnfitBackup);
    expect(() => contentsOf(rowsOf(map))).toThrow(/differs from the others/);
  });

  it("are refused by name when they are of another format, by restoring and by looking at them", () => {
    const [[key, value], ...rest] = rowsOf(oldState().map) as [StateRow, ...StateRow[]];
    const older = [[key, Buffer.concat([Buffer.of(2), value.subarray(1)])] as const, ...rest];
    const said = /expected a state of format 3, found one of format 2/;
    expect(() => contentsOf(older)).toThrow(said);
    expect(() => contentsOf(older)).toThrow(UnfitBackup);
    expect(() => new RestoredRows({ slot: 5, clusterId: "new" }).next(older)).toThrow(UnfitBackup);
  });

  it("are refused when a row is of a kind that nobody here knows, or the state is of another slot", () => {
    const rows = rowsOf(oldState().map);
    expect(() => contentsOf([...rows, [Buffer.from("z"), Buffer.from("")]])).toThrow(/found one of kind "z"/);
    expect(() => contentsOf(rows).applied(6)).toThrow(/after slot 6, found that after slot 5/);
    expect(() => contentsOf(rows.slice(1)).applied(5)).toThrow(/found none/);
  });
});
