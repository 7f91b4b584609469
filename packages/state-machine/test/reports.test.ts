import type { Command, Genesis } from "@synod/core";
import { configurationCodec } from "@synod/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  advanceTimeMethod,
  checkpointLimits,
  checkpointMethod,
  Engine,
  encodeSaid,
  judgementPatienceMs,
  maxEarlier,
  reportMethod,
  type SlotContent,
  systemService,
  timeLimits,
} from "../src/index.js";
import { Reports } from "../src/system/reports.js";
import { commandOf, inUse, openCommand, serviceOf, TestMap } from "./support.js";

const name = "test.v1.Test";
const ids = ["r1", "r2", "r3"];
const genesisOf = (members: readonly string[]): Genesis => ({
  window: 4,
  configuration: {
    number: 1,
    predecessor: 0,
    acceptors: [],
    leaders: [],
    replicas: members.map((id) => ({ id, address: "127.0.0.1:1" })),
  },
});

function system(method: string, request: Uint8Array = new Uint8Array(0)): Command {
  return { clientId: "nonce", sequence: 1, acknowledged: 0, service: systemService, method, request };
}

/** Replicas that apply one log; one of them may answer otherwise. */
class Group {
  readonly maps = new Map<string, TestMap>();
  readonly engines = new Map<string, Engine>();
  readonly #members: readonly string[];
  readonly #differing: ReadonlySet<string>;
  readonly #log: SlotContent[] = [];
  /** They apply nothing until they are back. */
  away: readonly string[] = [];
  /** Who differs answers right all the same. */
  answersAlike = false;
  #sequence = 0;
  #logTimeMs = 1;

  constructor(differing: readonly string[] = [], members = ids) {
    this.#members = members;
    this.#differing = new Set(differing);
    for (const id of members) {
      this.maps.set(id, new TestMap());
      this.start(id);
    }
    this.decide(openCommand());
  }

  start(id: string): Engine {
    const wrong = () => this.#differing.has(id) && !this.answersAlike;
    const execute = () => ({ answer: wrong() ? `wrong at ${id}` : "right" });
    const service = serviceOf({ kind: "command", execute });
    const state = inUse(this.maps.get(id) as TestMap, [service]);
    const genesis = genesisOf(this.#members);
    const engine = new Engine({
      state,
      genesis,
      configurationCodec,
      services: [service],
      onHandlerError: () => {},
    });
    this.engines.set(id, engine);
    return engine;
  }

  decide(...commands: readonly Command[]): void {
    this.#decide({ kind: "batch", commands, logTimeMs: this.#logTimeMs });
  }

  decideNothing(): void {
    this.#decide({ kind: "no-op" });
  }

  #decide(decided: SlotContent): void {
    this.#log.push(decided);
    for (const [id, engine] of this.engines)
      if (!this.away.includes(id)) engine.apply(engine.appliedSlot + 1, decided);
  }

  /** It applies what it has missed. */
  back(id: string): void {
    this.away = this.away.filter((each) => each !== id);
    const engine = this.engine(id);
    for (const decided of this.#log.slice(engine.appliedSlot)) engine.apply(engine.appliedSlot + 1, decided);
  }

  /** Log time goes on by so much. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= timeLimits.maxStepMs) {
      this.#logTimeMs += Math.min(left, timeLimits.maxStepMs);
      this.decide(system(advanceTimeMethod));
    }
  }

  /** A command, and a checkpoint behind it. Returns the checkpoint's slot. */
  checkpoint(): number {
    this.decide(commandOf("1.0", ++this.#sequence, name, "Do", {}), system(checkpointMethod));
    return this.engine("r1").appliedSlot;
  }

  engine(id: string): Engine {
    return this.engines.get(id) as Engine;
  }

  /** What a replica says of its checkpoint at a slot. */
  report(id: string, slot: number, { store = `store-${id}` } = {}): void {
    this.decide(this.proposedReport(id, slot, store));
  }

  /** The same, not decided yet. */
  proposedReport(id: string, slot: number, store = `store-${id}`): Command {
    const { reports } = this.engine(id).system;
    const { hash } = reports.checkpoints.find((checkpoint) => checkpoint.slot === slot) ?? { hash: "" };
    const last = reports.latest.get(id);
    const reported = last?.store === store ? last.slot : 0;
    const earlier = reports.checkpoints.filter((each) => each.slot > reported && each.slot < slot);
    const number = reports.nextNumber(id);
    const said = { replica: id, store, number, slot, hash, earlier: earlier.slice(-maxEarlier) };
    return system(reportMethod, encodeSaid({ ...said, offers: [], ground: this.engine(id).system.ground }));
  }

  get diverged(): string[] {
    return this.#members.filter((id) => this.engine(id).system.reports.divergence !== undefined);
  }
}

describe("checkpoints", () => {
  it("come where they are asked for, but not twice with nothing but reports between", () => {
    const group = new Group();
    const slot = group.checkpoint();
    group.decide(system(checkpointMethod));
    group.report("r1", slot);
    group.decide(system(checkpointMethod), group.proposedReport("r2", slot));
    const engine = group.engine("r1");
    const { hash } = engine;
    const { checkpoints } = engine.system.reports;
    expect(checkpoints.map((checkpoint) => checkpoint.slot)).toEqual([slot]);
    expect(checkpoints[0]?.hash).not.toBe(hash);
  });

  it("come by themselves after so many slots, or bytes", () => {
    const group = new Group();
    group.decide(commandOf("1.0", 1, name, "Do", {}));
    for (let slot = 0; slot < checkpointLimits.maxSlots; slot++) group.decide();
    expect(group.engine("r1").system.reports.checkpoints.map(({ slot }) => slot)).toEqual([
      checkpointLimits.maxSlots,
    ]);
    const large = Buffer.from(JSON.stringify({ filling: "x".repeat(700_000) }));
    const enough = 1 + Math.floor(checkpointLimits.maxBytes / large.length);
    for (let sequence = 2; sequence < 2 + enough; sequence++)
      group.decide(commandOf("1.0", sequence, name, "Do", large, sequence - 1));
    expect(group.engine("r1").system.reports.checkpoints).toHaveLength(2);
  });

  it("come whatever was decided, executed or not, since acceptors keep all of it", () => {
    const group = new Group();
    group.decide(commandOf("7.0", 1, name, "Do", {}));
    expect(group.engine("r1").revision).toBe(0);
    for (const slot of [
      () => group.decide(commandOf("7.0", 1, name, "Do", {})),
      () => group.decide(system(advanceTimeMethod)),
      () => group.decide(openCommand()),
      () => group.decideNothing(),
    ]) {
      slot();
      expect(group.engine("r1").beyondCheckpoint).toBe(true);
      group.decide(system(checkpointMethod));
      expect(group.engine("r1").beyondCheckpoint).toBe(false);
    }
    expect(group.engine("r1").system.reports.checkpoints).toHaveLength(4);
  });

  it("come after so many reports too, or those would gather for ever", () => {
    const group = new Group();
    const slot = group.checkpoint();
    for (let count = 0; count < checkpointLimits.maxSlots; count++) group.report("r1", slot);
    expect(group.engine("r1").system.reports.checkpoints.at(-1)?.slot).toBe(slot + checkpointLimits.maxSlots);
  });

  it("come by what is stored: a slot takes whole pages, however few bytes it has", () => {
    const engine = new Group().engine("r1");
    const { unitBytes, maxBytes } = checkpointLimits;
    // Of four units, the last one nearly empty.
    const bytes = 3 * unitBytes + 1;
    const last = 1 + maxBytes / (4 * unitBytes);
    expect(last).toBeLessThan(checkpointLimits.maxSlots);
    for (let slot = 2; slot <= last; slot++) {
      expect(engine.system.reports.checkpoints).toEqual([]);
      const command = commandOf("1.0", slot, name, "Do", {}, slot - 1);
      engine.apply(slot, { kind: "batch", commands: [command], bytes });
    }
    engine.apply(last + 1, {
      kind: "batch",
      commands: [commandOf("1.0", last + 1, name, "Do", {}, last)],
      bytes,
    });
    expect(engine.system.reports.checkpoints.map(({ slot }) => slot)).toEqual([last]);
  });

  it("are the same after a restart at any slot", () => {
    const group = new Group();
    for (let round = 0; round < 300; round++) {
      group.checkpoint();
      if (round % 7 === 0) group.start("r2");
    }
    expect(group.engine("r2").system.reports.checkpoints).toEqual(
      group.engine("r1").system.reports.checkpoints,
    );
    expect(group.start("r2").system.reports.checkpoints).toEqual(
      group.engine("r1").system.reports.checkpoints,
    );
    expect(group.engine("r1").system.reports.checkpoints.length).toBeLessThanOrEqual(256);
  });
});

describe("a replica that differs (rule 27)", () => {
  it("finds it out by the reports of a majority, and it alone; and knows it after a restart", () => {
    const group = new Group(["r2"]);
    const slot = group.checkpoint();
    group.report("r1", slot);
    group.report("r2", slot);
    expect(group.diverged).toEqual([]);
    group.report("r3", slot);
    expect(group.diverged).toEqual(["r2"]);
    const { divergence } = group.engine("r2").system.reports;
    expect(divergence?.majority).toBe(divergence?.reported.r1);
    expect(divergence?.own).toBe(divergence?.reported.r2);
    expect(divergence?.slot).toBe(slot);
    expect(group.start("r2").system.reports.divergence).toEqual(divergence);
    expect(group.start("r1").system.reports.divergence).toBeUndefined();
  });

  it("needs no report of its own to find it out", () => {
    const group = new Group(["r2"]);
    const slot = group.checkpoint();
    group.report("r1", slot);
    group.report("r3", slot);
    expect(group.diverged).toEqual(["r2"]);
  });

  it("stops all where no majority can agree any more", () => {
    const group = new Group(["r1", "r2"]);
    const slot = group.checkpoint();
    group.report("r1", slot);
    expect(group.diverged).toEqual([]);
    group.report("r2", slot);
    expect(group.diverged).toEqual([]);
    group.report("r3", slot);
    expect(group.diverged).toEqual(ids);
    const two = new Group(["r1"], ["r1", "r2"]);
    const last = two.checkpoint();
    two.report("r1", last);
    two.report("r2", last);
    expect(two.diverged).toEqual(["r1", "r2"]);
  });

  it("is not one that reports another slot, an old slot, or the same twice", () => {
    const group = new Group();
    const slots = Array.from({ length: 20 }, () => group.checkpoint());
    for (const [index, slot] of slots.entries()) {
      group.report("r1", slot);
      if (index % 2 === 0) group.report("r2", slot);
      if (index % 3 === 0) group.report("r3", slots[Math.floor(index / 2)] ?? 0);
      group.report("r1", slot);
    }
    expect(group.diverged).toEqual([]);
  });
});

describe("replicas that differ while nobody can judge them (rule 34)", () => {
  const unjudged = (group: Group, id = "r1") => group.engine(id).unjudged;

  /** A checkpoint that r1 and r2 report, and differ in. */
  function differing(away: readonly string[] = ["r3"]): { group: Group; slot: number } {
    const group = new Group(["r2"]);
    group.away = away;
    const slot = group.checkpoint();
    group.report("r1", slot);
    group.report("r2", slot);
    return { group, slot };
  }

  it("stop together when the patience is over, in the same slot, and not before another checkpoint", () => {
    const { group, slot } = differing();
    for (const id of ["r1", "r2"]) expect(unjudged(group, id)).toMatchObject({ slot, stops: false });
    expect(unjudged(group)?.reported).toEqual(unjudged(group, "r2")?.reported);
    group.pass(judgementPatienceMs);
    for (const id of ["r1", "r2"]) expect(unjudged(group, id)?.stops).toBe(false);
    group.checkpoint();
    for (const id of ["r1", "r2"]) expect(unjudged(group, id)?.stops).toBe(true);
    group.start("r1");
    expect(unjudged(group)).toEqual(unjudged(group, "r2"));
    expect(unjudged(group)).toMatchObject({ slot, stops: true });
    expect(group.diverged).toEqual([]);
  });

  it("are not stopped by time before the patience is over", () => {
    const { group } = differing();
    group.checkpoint();
    group.pass(judgementPatienceMs - 1);
    expect(unjudged(group)?.stops).toBe(false);
    group.pass(1);
    expect(unjudged(group)?.stops).toBe(true);
  });

  it("are judged by a third that comes back, before and after: the others go on, and who differs stops for good", () => {
    for (const late of [false, true]) {
      const { group } = differing();
      if (late) group.pass(judgementPatienceMs);
      const last = group.checkpoint();
      for (const id of ["r1", "r2"]) group.report(id, last);
      expect(unjudged(group)?.stops).toBe(late);
      group.back("r3");
      expect(unjudged(group, "r3")?.stops).toBe(late);
      group.report("r3", last);
      for (const id of ["r1", "r3"]) expect(unjudged(group, id)).toBeUndefined();
      expect(group.diverged).toEqual(["r2"]);
    }
  });

  it("are no reason to stop once one of them was judged: the others may go on with a single one", () => {
    const group = new Group(["r2"]);
    const slot = group.checkpoint();
    for (const id of ids) group.report(id, slot);
    expect(group.diverged).toEqual(["r2"]);
    const later = group.checkpoint();
    group.report("r1", later);
    group.report("r2", later);
    group.pass(judgementPatienceMs);
    group.checkpoint();
    expect(unjudged(group)).toBeUndefined();
  });

  it("go on when one of them is given up: its next store holds nothing yet, and speaks for nobody", () => {
    const { group } = differing();
    group.pass(judgementPatienceMs);
    group.checkpoint();
    expect(unjudged(group)?.stops).toBe(true);
    group.report("r2", 0, { store: "another" });
    group.report("r1", group.checkpoint());
    expect(unjudged(group)).toBeUndefined();
  });

  it("keep the trim point at what a majority agreed in, whatever a majority holds", () => {
    const group = new Group(["r2"]);
    group.away = ["r3"];
    group.answersAlike = true;
    const agreed = group.checkpoint();
    for (const id of ["r1", "r2"]) group.report(id, agreed);
    expect(group.engine("r1").system.reports.trimPoint).toBe(agreed);
    group.answersAlike = false;
    for (let round = 0; round < 300; round++) {
      const slot = group.checkpoint();
      if (round % maxEarlier > 0) continue;
      group.report("r1", slot);
      group.report("r2", slot);
    }
    expect(group.engine("r1").system.reports.trimPoint).toBe(agreed);
    expect(unjudged(group)?.slot).toBeGreaterThan(agreed);
    expect(Object.keys(unjudged(group)?.reported ?? {})).toEqual(["r1", "r2"]);
  });

  it("are found though each reports in its own time, never the newest checkpoint of the other", () => {
    const group = new Group(["r2"]);
    group.away = ["r3"];
    const [first, second, third] = [group.checkpoint(), group.checkpoint(), group.checkpoint()];
    group.report("r1", second);
    group.report("r2", first);
    expect(unjudged(group)?.slot).toBe(first);
    group.report("r2", third);
    expect(unjudged(group)?.slot).toBe(first);
  });
});

describe("a snapshot (rule 27)", () => {
  const everything = (map: TestMap) => map.range({ from: new Uint8Array(0) });

  it("of a replica that agrees meets no objection, whoever is asked", () => {
    const group = new Group(["r2"]);
    const slot = group.checkpoint();
    for (const id of ["r1", "r3"]) group.report(id, slot);
    const rows = [...everything(group.maps.get("r1") as TestMap)];
    expect(group.engine("r3").system.objectionTo(rows)).toBeUndefined();
    expect(new Group().engine("r1").system.objectionTo(rows)).toBeUndefined();
  });

  it("that contradicts what a majority reported is objected to, and so is one of a replica known to differ", () => {
    const group = new Group(["r2"]);
    const slot = group.checkpoint();
    const differing = group.maps.get("r2") as TestMap;
    const unknowing = differing.copy();
    for (const id of ["r1", "r3"]) group.report(id, slot);
    const { system } = group.engine("r3");
    expect(system.objectionTo(everything(unknowing))).toContain(`its hash at slot ${slot} is`);
    expect(system.objectionTo(everything(differing))).toContain(`differs from the others at slot ${slot}`);
  });
});

describe("a snapshot that no engine of this build could start on", () => {
  const rowsOf = (map: TestMap) => [...map.range({ from: new Uint8Array(0) })];
  const objection = (change: (map: TestMap) => void) => {
    const group = new Group();
    group.report("r1", group.checkpoint());
    const map = group.maps.get("r1") as TestMap;
    change(map);
    const { system } = new Group().engine("r2");
    return system.objectionTo(rowsOf(map).filter(([key]) => system.examines(key)));
  };
  const applied = Buffer.from("a");
  const stored = (map: TestMap) => Buffer.from(map.get(applied) as Uint8Array);

  it("is objected to by name when it is of another format, and that by its first row alone", () => {
    for (const format of [0, 1, 2, 4, 255]) {
      const other = (map: TestMap) =>
        map.put(applied, Buffer.concat([Buffer.of(format), stored(map).subarray(1)]));
      expect(objection(other)).toContain(`expected a state of format 3, found one of format ${format}`);
    }
    const { system } = new Group().engine("r2");
    expect(system.objectionTo([[applied, Buffer.alloc(80)]])).toContain("found one of format 0");
  });

  it("is objected to when it lacks its first row, or a row cannot be decoded", () => {
    expect(objection((map) => map.delete(applied))).toContain("found none");
    expect(objection((map) => map.put(applied, stored(map).subarray(0, 40)))).toContain("found 40");
    for (const key of ["c\0\0\0\0\0\0\0\x02", "or1", "x"])
      expect(objection((map) => map.put(Buffer.from(key), Buffer.from("{")))).toContain(
        "cannot go on with it",
      );
    expect(objection(() => {})).toBeUndefined();
  });
});

describe("a state is confirmed (rule 27)", () => {
  const { configuration } = genesisOf(ids);

  it("by a majority of the replicas besides the one that wants it, at its slot or above", () => {
    const group = new Group(["r2"]);
    const [first, second] = [group.checkpoint(), group.checkpoint()];
    const { reports } = group.engine("r1").system;
    const awaited = (slot: number, replica: string) => reports.unconfirmed(slot, replica, configuration);
    expect(awaited(first, "r3")).toEqual(["r1", "r2"]);
    group.report("r1", first);
    group.report("r3", first);
    expect([awaited(first, "r2"), awaited(first, "r3"), awaited(second, "r2")]).toEqual([
      [],
      ["r2"],
      ["r1", "r3"],
    ]);
    group.report("r2", second); // it differs
    group.report("r1", second);
    expect([awaited(second, "r3"), awaited(second, "r2")]).toEqual([["r2"], ["r3"]]);
    group.report("r3", second);
    expect([awaited(second, "r2"), awaited(first, "r2"), awaited(second + 1, "r2")]).toEqual([
      [],
      [],
      ["r1", "r3"],
    ]);
    expect([
      reports.agreed(configuration),
      new Group().engine("r1").system.reports.agreed(configuration),
    ]).toEqual([second, 0]);
  });

  it("or all of the others that have a state of their own", () => {
    const group = new Group(["r2"]);
    const [first, second] = [group.checkpoint(), group.checkpoint()];
    const { reports } = group.engine("r1").system;
    const awaited = (slot: number, ...lacking: string[]) =>
      reports.unconfirmed(slot, "r3", configuration, new Set(lacking));
    expect(awaited(first, "r2", "r3")).toEqual(["r1"]); // The giver's own report is not decided yet.
    group.report("r1", first);
    expect([awaited(first, "r2", "r3"), awaited(first, "r3"), awaited(second, "r2", "r3")]).toEqual([
      [],
      ["r2"],
      ["r1"],
    ]);
    group.report("r2", first); // It differs, so it is waited for as long as it has a state.
    expect(awaited(first, "r3")).toEqual(["r2"]);
    const five = ["r1", "r2", "r3", "r4", "r5"].map((id) => ({ id, address: "127.0.0.1:1" }));
    expect(
      reports.unconfirmed(first, "r3", { ...configuration, replicas: five }, new Set(["r2", "r3"])),
    ).toEqual(["r4", "r5"]);
  });

  it("and whoever waits gets a checkpoint at its slot or above, once, though nothing else is decided", () => {
    const group = new Group();
    const last = group.checkpoint();
    const { reports } = group.engine("r1").system;
    const ask = (atLeast: number) => {
      const slot = group.engine("r1").appliedSlot + 1;
      group.decide(system(checkpointMethod, encodeSaid({ atLeast })));
      return slot;
    };
    ask(last);
    expect(reports.checkpoints.at(-1)?.slot).toBe(last);
    const made = ask(last + 1);
    expect(reports.checkpoints.at(-1)?.slot).toBe(made);
    ask(made);
    expect(reports.checkpoints.at(-1)?.slot).toBe(made);
  });
});

describe("the trim point (rule 18)", () => {
  it("is what a majority has on disk, and never falls", () => {
    const group = new Group();
    const [first, second] = [group.checkpoint(), group.checkpoint()];
    group.report("r1", second);
    expect(group.engine("r3").system.reports.trimPoint).toBe(0);
    group.report("r2", first);
    expect(group.engine("r3").system.reports.trimPoint).toBe(first);
    group.report("r3", second);
    expect(group.engine("r1").system.reports.trimPoint).toBe(second);
    group.report("r3", first);
    expect(group.engine("r1").system.reports.trimPoint).toBe(second);
    expect(group.start("r1").system.reports.trimPoint).toBe(second);
  });

  it("is what a majority has in every configuration that is not retired, the older ones included", () => {
    const reports = new Reports(new TestMap());
    const configuration = (number: number, ...members: string[]) => ({
      ...genesisOf(members).configuration,
      number,
    });
    const both = [configuration(1, "r1", "r2", "r3"), configuration(2, "r3", "r4", "r5")];
    const report = (replica: string, configurations = both) => {
      const number = reports.nextNumber(replica);
      const said = { replica, number, store: "s", slot: 8, hash: "aa", earlier: [], offers: [] };
      reports.take({ ...said, ground: { node: "", runtime: "", engines: [] } }, configurations, 1);
      return reports.trimPoint;
    };
    expect([report("r4"), report("r5"), report("r3")]).toEqual([0, 0, 0]);
    expect(report("r1")).toBe(8);
  });

  it("does not count a replica whose new store has reported nothing yet", () => {
    const group = new Group();
    const slot = group.checkpoint();
    group.report("r1", slot);
    group.report("r1", 0, { store: "another" });
    group.report("r2", slot);
    expect(group.engine("r1").system.reports.trimPoint).toBe(0);
    group.report("r1", slot, { store: "another" });
    expect(group.engine("r1").system.reports.trimPoint).toBe(slot);
  });

  it("does not count what a store reported that is lost, however late it is decided", () => {
    const group = new Group();
    const [first, second] = [group.checkpoint(), group.checkpoint()];
    group.report("r1", second);
    const late = group.proposedReport("r2", second);
    group.report("r2", first, { store: "another" });
    group.decide(late);
    expect(group.engine("r3").system.reports.trimPoint).toBe(first);
    expect(group.engine("r3").system.reports.latest.get("r2")?.store).toBe("another");
    group.start("r1");
    group.decide(late);
    expect(group.engine("r1").system.reports.trimPoint).toBe(first);
  });

  it("is the majority's slot, whatever is reported", () => {
    const said = fc.array(fc.tuple(fc.constantFrom(...ids), fc.nat(7)), { maxLength: 40 });
    fc.assert(
      fc.property(said, (reports) => {
        const group = new Group();
        const slots = [0, ...Array.from({ length: 7 }, () => group.checkpoint())];
        const held = new Map<string, number>();
        let expected = 0;
        for (const [id, index] of reports) {
          group.report(id, slots[index] ?? 0);
          held.set(id, slots[index] ?? 0);
          const sorted = ids.map((each) => held.get(each) ?? 0).sort((a, b) => b - a);
          expected = Math.max(expected, sorted[1] ?? 0);
          expect(group.engine("r2").system.reports.trimPoint).toBe(expected);
        }
        expect(group.diverged).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});
