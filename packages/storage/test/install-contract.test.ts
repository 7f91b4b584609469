import { describe, expect, test } from "vitest";
import {
  type Install,
  MemoryReplicaDisk,
  maxKeyBytes,
  maxProgressBytes,
  maxPutEntries,
  type ReplicaStore,
  type StateEntry,
} from "../src/index.js";
import { bothKinds, defaults, get, kinds, names, put, slots } from "./replica-stores.js";
import { key, text } from "./samples.js";
import { failureOf } from "./temporary.js";

const entries = (...list: string[]): StateEntry[] =>
  list.map((entry) => entry.split("=")).map(([name = "", value = ""]) => [key(name), key(value)] as const);
/** What so many small slots take, with values of so many bytes in all. */
const stored = (slots: number, bytes: number) => bytes + slots * 64;
const ends = ({ log, durableSlot }: ReplicaStore) => [log.first, log.last, log.bytes, durableSlot];
const position = ({ after, progress }: Install) => [text(after), text(progress)];

/** A store with slots 1 to 3 on disk, and slot 4 in memory. */
async function used(store: ReplicaStore): Promise<ReplicaStore> {
  for (let slot = 1; slot <= 4; slot++) {
    if (slot === 4) await store.flush();
    put(store, "a", `old ${slot}`);
    put(store, `old ${slot}`, "");
    store.log.append(slot, key(`slot ${slot}`));
  }
  return store;
}
const oldState = ["a=old 4", "old 1=", "old 2=", "old 3=", "old 4="];

describe.each(bothKinds)("a snapshot that is installed (%s)", (kind) => {
  const make = () => kinds[kind]();

  test("takes the place of state and log at once, for whoever holds them, and for good", async () => {
    const told: number[] = [];
    const open = make();
    const store = await used(await open({ onFlushed: (slot) => told.push(slot) }));
    const { state, log } = store;
    const install = await store.beginInstall({ id: "x", slot: 10 });
    expect(store.unfinishedInstall).toEqual({ id: "x", slot: 10 });
    await install.put(entries("a=new", "b=new"), key("2"));
    expect([names(store, {}), ends(store)]).toEqual([oldState, [1, 4, stored(4, 24), 3]]);
    put(store, "a", "written meanwhile");
    await install.put(entries("c=new"), key("3"));
    put(store, "lost", "");
    expect([get(store, "a"), get(store, "lost")]).toEqual(["written meanwhile", ""]);
    let seen: unknown;
    await install.finish(() => {
      seen = [text(state.get(key("a"))), ends(store)];
    });
    expect(seen).toEqual(["new", [0, 10, 0, 10]]);
    expect(told.at(-1)).toBe(10);
    expect([store.state === state, store.log === log, store.pendingBytes]).toEqual([true, true, 0]);
    const newState = ["a=new", "b=new", "c=new"];
    expect([names(store, {}), names(store, { reverse: true })]).toEqual([newState, newState.toReversed()]);
    expect([get(store, "old 1"), slots(store, 1), store.unfinishedInstall]).toEqual([
      undefined,
      [0],
      undefined,
    ]);
    await store.close();
    const after = await open();
    expect([names(after, {}), ends(after), slots(after, 1)]).toEqual([newState, [0, 10, 0, 10], [0]]);
    expect(after.unfinishedInstall).toBeUndefined();
    expect(() => after.log.append(10, key(""))).toThrow(/a slot above 10, the log's last/);
    after.log.append(11, key("eleven"));
    put(after, "d", "11");
    await after.close();
    const last = await open();
    expect([names(last, {}), ends(last), slots(last, 1)]).toEqual([
      [...newState, "d=11"],
      [11, 11, stored(1, 6), 11],
      ["11:eleven", 0],
    ]);
  });

  test("may follow another, and nothing of any before it comes back", async () => {
    const open = make();
    let store = await used(await open());
    for (let round = 1; round <= 5; round++) {
      const install = await store.beginInstall({ id: `x${round}`, slot: round * 10 });
      await install.put(entries(`a=${round}`, `round ${round}=`), key(""));
      await install.finish();
      expect(names(store, {})).toEqual([`a=${round}`, `round ${round}=`]);
      store.log.append(round * 10 + 1, key("next"));
      put(store, "b", "next");
      if (round % 2 === 0) {
        await store.close();
        store = await open();
      }
    }
    expect(ends(store)).toEqual([51, 51, stored(1, 4), 50]);
    const empty = await store.beginInstall({ id: "empty", slot: 52 });
    await empty.finish();
    expect([names(store, {}), ends(store)]).toEqual([[], [0, 52, 0, 52]]);
  });

  test("goes on where it was after a restart, and only there", async () => {
    const open = make();
    const store = await used(await open());
    const begun = await store.beginInstall({ id: "x", slot: 10, progress: key("seed") });
    expect(position(begun)).toEqual([undefined, "seed"]);
    await begun.put(entries("a=1", "b=1"), key("two"));
    await begun.put([], key("two again"));
    expect(position(begun)).toEqual(["b", "two again"]);
    await store.close();
    const after = await open();
    expect(after.unfinishedInstall).toEqual({ id: "x", slot: 10 });
    const resumed = await after.beginInstall({ id: "x", slot: 10, progress: key("other seed") });
    expect(position(resumed)).toEqual(["b", "two again"]);
    expect(names(after, {})).toEqual(oldState);
    expect(await failureOf(resumed.put(entries("b=2"), key("")))).toBeInstanceOf(RangeError);
    await resumed.put(entries("c=1"), key("three"));
    await resumed.finish();
    expect(names(after, {})).toEqual(["a=1", "b=1", "c=1"]);
  });

  test.each([
    ["another id", { id: "y", slot: 10 }],
    ["the same id of another slot", { id: "x", slot: 11 }],
  ])("is thrown away for %s", async (_, name) => {
    const open = make();
    const store = await used(await open());
    const first = await store.beginInstall({ id: "x", slot: 10 });
    await first.put(entries("a=1", "b=1"), key("two"));
    const second = await store.beginInstall(name);
    expect(position(second)).toEqual([undefined, ""]);
    expect(String(await failureOf(first.put(entries("c=1"), key(""))))).toMatch(
      /expected an install under way, found that of x ended/,
    );
    await first.abandon(); // has ended, and must not end the other
    await store.close();
    const after = await open();
    expect(after.unfinishedInstall).toEqual(name);
    const resumed = await after.beginInstall(name);
    await resumed.put(entries("b=2"), key(""));
    await resumed.finish();
    expect([names(after, {}), after.log.last]).toEqual([["b=2"], name.slot]);
  });

  test("is refused and thrown away when the log is not behind it", async () => {
    const open = make();
    const store = await used(await open());
    const install = await store.beginInstall({ id: "x", slot: 6 });
    await install.put(entries("a=new"), key(""));
    store.log.append(5, key("five"));
    store.log.append(6, key("six"));
    const refusal = await failureOf(install.finish(() => expect.unreachable()));
    expect(refusal).toBeInstanceOf(RangeError);
    expect(String(refusal)).toMatch(/a snapshot above slot 6, the log's last, found one of slot 6/);
    expect([store.unfinishedInstall, names(store, {}), store.log.last]).toEqual([undefined, oldState, 6]);
    store.log.trim(7);
    await store.flush();
    const trimmed = await store.beginInstall({ id: "y", slot: 6 });
    expect(await failureOf(trimmed.finish())).toBeInstanceOf(RangeError);
    await store.close();
    const after = await open();
    expect([after.unfinishedInstall, names(after, {}), ends(after)]).toEqual([
      undefined,
      oldState,
      [0, 6, 0, 6],
    ]);
  });

  test("that is abandoned leaves nothing", async () => {
    const open = make();
    const store = await used(await open());
    const first = await store.beginInstall({ id: "x", slot: 10 });
    await first.put(entries("a=1", "b=1"), key("two"));
    await first.abandon();
    await first.abandon();
    expect([store.unfinishedInstall, names(store, {})]).toEqual([undefined, oldState]);
    for (const late of [first.put([], key("")), first.finish()])
      expect(String(await failureOf(late))).toMatch(/found that of x ended/);
    await store.close();
    const after = await open();
    expect(after.unfinishedInstall).toBeUndefined();
    const again = await after.beginInstall({ id: "x", slot: 10 });
    expect(position(again)).toEqual([undefined, ""]);
    await again.put(entries("b=2"), key(""));
    await again.finish();
    await again.abandon();
    expect(names(after, {})).toEqual(["b=2"]);
  });

  test("ends ranges that are under way, and leaves snapshots that are open as they are", async () => {
    const store = await make()();
    for (let index = 10; index < 90; index++) put(store, `k${index}`, "old");
    const snapshot = await store.snapshot();
    const install = await store.beginInstall({ id: "x", slot: 10 });
    await install.put(
      Array.from({ length: 80 }, (_, index) => [key(`k${index + 10}`), key("new")] as const),
      key(""),
    );
    const forward = store.state.range({ from: key("k") })[Symbol.iterator]();
    const back = store.state.range({ from: key("k"), reverse: true })[Symbol.iterator]();
    const late = store.state.range({ from: key("k") })[Symbol.iterator]();
    expect([text(forward.next().value?.[1]), text(back.next().value?.[1])]).toEqual(["old", "old"]);
    await install.finish();
    for (const range of [forward, back])
      expect(() => range.next()).toThrow(/found it replaced by a snapshot/);
    expect(text(late.next().value?.[1])).toBe("new");
    put(store, "k50", "newer");
    await store.flush();
    const shown = snapshot.page(undefined, 1e9).entries;
    expect([shown.length, new Set(shown.map(([, value]) => text(value)))]).toEqual([80, new Set(["old"])]);
    const next = await store.snapshot();
    expect(next.slot).toBe(10);
    expect(next.page(undefined, 1e9).entries.filter(([, value]) => text(value) === "new")).toHaveLength(79);
  });

  test("takes only what is in order and of bounded size", async () => {
    const store = await make()();
    const install = await store.beginInstall({ id: "x", slot: 10 });
    const many = Array.from({ length: maxPutEntries + 1 }, (_, index) => {
      const name = Buffer.alloc(4);
      name.writeUInt32BE(index);
      return [Uint8Array.from(name), key("")] as const;
    });
    const refused: [readonly StateEntry[], Uint8Array, RegExp][] = [
      [entries("b", "a"), key(""), /ascending order, found 61 after 62/],
      [entries("a", "a"), key(""), /ascending order, found 61 after 61/],
      [entries(""), key(""), /a key of 1 to 4000 bytes, found 0/],
      [[[new Uint8Array(maxKeyBytes + 1), key("")]], key(""), /found 4001/],
      [many, key(""), /at most 4000 entries at once, found 4001/],
      [[], new Uint8Array(maxProgressBytes + 1), /at most 4096 bytes of progress, found 4097/],
    ];
    for (const [list, progress, message] of refused) {
      const refusal = await failureOf(install.put(list, progress));
      expect(refusal).toBeInstanceOf(RangeError);
      expect(String(refusal)).toMatch(message);
    }
    for (const id of ["", "é".repeat(129)])
      expect(await failureOf(store.beginInstall({ id, slot: 1 }))).toBeInstanceOf(RangeError);
    expect(position(install)).toEqual([undefined, ""]);
    const largest = new Uint8Array(512 * 1024).fill(7);
    await install.put(many.slice(0, maxPutEntries), new Uint8Array(maxProgressBytes).fill(1));
    await install.put([[new Uint8Array(maxKeyBytes).fill(0xff), largest]], key(""));
    await install.finish();
    expect(names(store, {})).toHaveLength(maxPutEntries + 1);
    const found = store.state.get(new Uint8Array(maxKeyBytes).fill(0xff));
    expect(Buffer.compare(found ?? key(""), largest)).toBe(0);
  });

  test("does not keep a flush that waits behind it from carrying its own writes", async () => {
    const store = await make()();
    const beginning = store.beginInstall({ id: "x", slot: 10 });
    put(store, "a", "1");
    store.log.append(1, key("one"));
    await store.flush();
    expect([store.pendingBytes, store.durableSlot]).toEqual([0, 1]);
    const install = await beginning;
    const putting = install.put(entries("b=1"), key(""));
    store.log.append(2, key("two"));
    await store.flush();
    expect(store.durableSlot).toBe(2);
    await putting;
    expect(text(install.after)).toBe("b");
  });

  test("is over when the store is closed", async () => {
    const open = make();
    const store = await open();
    const install = await store.beginInstall({ id: "x", slot: 10 });
    const last = install.put(entries("a=1"), key("one"));
    await store.close();
    await last;
    const closed = [
      install.put(entries("b=1"), key("two")),
      install.finish(),
      store.beginInstall({ id: "x", slot: 10 }),
    ];
    for (const late of closed) expect(String(await failureOf(late))).toMatch(/expected an open store/);
    expect(position(await (await open()).beginInstall({ id: "x", slot: 10 }))).toEqual(["a", "one"]);
  });
});

describe("a snapshot installed in memory", () => {
  /** Begins, puts twice, finishes, with a crash at the given step, before or after the disk carried it out. */
  async function crashAt(crash: number, carriedOut: boolean): Promise<ReplicaStore> {
    const disk = new MemoryReplicaDisk({ store: "s" });
    const store = await used(disk.open(defaults));
    await store.flush();
    let step = 0;
    const dies = async <T>(run: () => Promise<T>): Promise<T | undefined> => {
      if (step++ !== crash) return run();
      disk.hold(true);
      const running = run();
      expect(disk.waiting).toBe(true);
      if (carriedOut) disk.release();
      if (carriedOut) await running;
      disk.crash();
      disk.hold(false);
      return undefined;
    };
    const install = await dies(() => store.beginInstall({ id: "x", slot: 10 }));
    if (step > crash) return disk.open(defaults);
    for (const name of ["a", "b"]) {
      await dies(() => (install as Install).put(entries(`${name}=new`), key(name)));
      if (step > crash) return disk.open(defaults);
    }
    await dies(() => (install as Install).finish());
    return disk.open(defaults);
  }

  test("a crash at any step leaves the old state or the new, and what was durable of the install", async () => {
    const newState = ["a=new", "b=new"];
    const expected = [undefined, [undefined, ""], ["a", "a"], ["b", "b"]];
    for (const carriedOut of [false, true]) {
      for (let crash = 0; crash < 4; crash++) {
        const store = await crashAt(crash, carriedOut);
        const finished = crash === 3 && carriedOut;
        expect(names(store, {})).toEqual(finished ? newState : oldState);
        expect(ends(store)).toEqual(finished ? [0, 10, 0, 10] : [1, 4, stored(4, 24), 4]);
        const found = store.unfinishedInstall && (await store.beginInstall({ id: "x", slot: 10 }));
        expect(found && position(found)).toEqual(finished ? undefined : expected[crash + Number(carriedOut)]);
      }
    }
  });

  test("waits for the flush under way; what is written until its own end is lost", async () => {
    const disk = new MemoryReplicaDisk({ store: "s" });
    const store = await used(disk.open(defaults));
    const install = await store.beginInstall({ id: "x", slot: 10 });
    await install.put(entries("a=new"), key(""));
    disk.hold(true);
    void store.flush();
    const finishing = install.finish();
    put(store, "lost", "");
    store.log.append(5, key("lost"));
    expect([get(store, "a"), get(store, "lost"), store.durableSlot]).toEqual(["old 4", "", 3]);
    const flushed = store.flush();
    disk.release();
    await Promise.all([finishing, flushed]);
    expect([names(store, {}), ends(store)]).toEqual([["a=new"], [0, 10, 0, 10]]);
  });

  test("is refused by the slot that the log has at the moment it would take its place", async () => {
    const disk = new MemoryReplicaDisk({ store: "s" });
    const store = await used(disk.open(defaults));
    const install = await store.beginInstall({ id: "x", slot: 6 });
    disk.hold(true);
    void store.flush();
    const finishing = install.finish(() => expect.unreachable());
    store.log.append(6, key("six"));
    disk.hold(false);
    expect(String(await failureOf(finishing))).toMatch(/above slot 6, the log's last, found one of slot 6/);
    expect(store.unfinishedInstall).toBeUndefined();
    await store.flush();
    expect([names(store, {}), ends(store)]).toEqual([oldState, [1, 6, stored(5, 27), 6]]);
  });

  test("fails with the store, once", async () => {
    const told: unknown[] = [];
    const disk = new MemoryReplicaDisk({ store: "s" });
    const store = await used(disk.open({ ...defaults, onFailure: (error) => told.push(error) }));
    await store.flush();
    const install = await store.beginInstall({ id: "x", slot: 10 });
    disk.hold(true);
    const putting = install.put(entries("a=new"), key(""));
    const finishing = install.finish();
    disk.fail(new Error("ENOSPC"));
    expect(await failureOf(putting)).toMatchObject({ reason: "failed" });
    expect(await failureOf(finishing)).toBe(told[0]);
    expect(await failureOf(store.flush())).toBe(told[0]);
    expect([told.length, names(store, {})]).toEqual([1, oldState]);
  });
});
