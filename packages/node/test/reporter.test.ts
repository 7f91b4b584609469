import type { Command } from "@synod/core";
import type { Report } from "@synod/state-machine";
import { expect, test } from "vitest";
import { Reporter } from "../src/replica/reporter.js";
import { SystemCommands } from "../src/replica/system-commands.js";

const checkpoints = [10, 20, 30].map((slot) => ({ slot, hash: `hash ${slot}` }));
const ground = { runtime: "v8 of the test", node: "v0.0.0", engines: [{ version: 1, digest: "d" }] };
const offers = [{ service: "bank.v1.Ledger", oldest: 1, newest: 2 }];

/** A reporter over a state in which reports are decided by hand. */
class Bench {
  durableSlot = 0;
  nowMs = 0;
  beyondCheckpoint = false;
  unjudged: { readonly stops: boolean } | undefined;
  logTimeMs = 1;
  readonly latest = new Map<string, Report>();
  readonly proposed: Command[] = [];
  readonly reporter: Reporter;

  constructor(store = "store-r1", position = 0) {
    const nextNumber = (id: string) => (this.latest.get(id)?.number ?? 0) + 1;
    const system = { offers, ground, reports: { checkpoints, latest: this.latest, nextNumber } };
    const beyond = () => this.beyondCheckpoint;
    const [unjudged, logTime] = [() => this.unjudged, () => this.logTimeMs];
    const engine = {
      system,
      get beyondCheckpoint() {
        return beyond();
      },
      get unjudged() {
        return unjudged();
      },
      get logTimeMs() {
        return logTime();
      },
    };
    this.reporter = new Reporter({
      replica: "r1",
      store,
      engine: engine as never,
      commands: new SystemCommands(),
      durableSlot: () => this.durableSlot,
      position: () => position,
      propose: (command) => this.proposed.push(command),
      nowMs: () => this.nowMs,
    });
  }

  /** What it proposes when it looks now: methods, and what a report says. */
  tick(): (Report | string)[] {
    this.reporter.tick();
    return this.proposed
      .splice(0)
      .map(({ method, request }) =>
        method === "Report" ? (JSON.parse(Buffer.from(request).toString()) as Report) : method,
      );
  }

  decide(report: Report | string | undefined): void {
    if (typeof report === "object") this.latest.set(report.replica, report);
  }
}

test("reports the last checkpoint that is on disk, not the last one applied (rule 18)", () => {
  const bench = new Bench();
  bench.durableSlot = 25;
  expect(bench.tick()).toEqual([
    {
      ...{ replica: "r1", store: "store-r1", number: 1, slot: 20, hash: "hash 20", offers, ground },
      earlier: [{ slot: 10, hash: "hash 10" }],
    },
  ]);
});

test("says nothing again until it is decided or counts as lost, and then only what is new", () => {
  const bench = new Bench();
  const [first] = bench.tick();
  expect(bench.tick()).toEqual([]);
  bench.nowMs += 2_001;
  expect(bench.tick()).toEqual([first]);
  bench.decide(first);
  expect(bench.tick()).toEqual([]);
  bench.durableSlot = 10;
  expect(bench.tick()).toMatchObject([{ number: 2, slot: 10 }]);
});

test("introduces another store, whatever the one before had, and at once where an earlier report became late", () => {
  const bench = new Bench("store-anew");
  const before: Report = {
    replica: "r1",
    store: "store-r1",
    number: 7,
    slot: 30,
    hash: "hash 30",
    earlier: [],
    offers,
    ground,
  };
  expect(bench.tick()).toMatchObject([{ number: 1 }]);
  bench.decide(before);
  expect(bench.reporter.introduced).toBe(false);
  const [report] = bench.tick();
  expect(report).toMatchObject({ store: "store-anew", number: 8, slot: 0 });
  bench.decide(report);
  expect(bench.reporter.introduced).toBe(true);
});

test("asks for a checkpoint once commands wait for one, the first replica first", () => {
  const [first, second] = [new Bench("store-r1", 0), new Bench("store-r1", 1)];
  for (const bench of [first, second]) {
    bench.decide(bench.tick()[0]);
    bench.beyondCheckpoint = true;
    expect(bench.tick()).toEqual([]);
    bench.nowMs += 1_001;
  }
  expect(first.tick()).toEqual(["Checkpoint"]);
  expect(second.tick()).toEqual([]);
  second.nowMs += 500;
  expect(second.tick()).toEqual(["Checkpoint"]);
});

test("names the checkpoints since its last report too, so that two replicas find a slot to be compared at", () => {
  const bench = new Bench();
  bench.durableSlot = 10;
  bench.decide(bench.tick()[0]);
  bench.durableSlot = 30;
  expect(bench.tick()).toMatchObject([{ slot: 30, earlier: [{ slot: 20, hash: "hash 20" }] }]);
});

test("moves log time while replicas differ unjudged, the first replica first, and not once they have stopped", () => {
  const [first, second] = [new Bench("store-r1", 0), new Bench("store-r1", 1)];
  for (const bench of [first, second]) {
    bench.decide(bench.tick()[0]);
    bench.unjudged = { stops: false };
    expect(bench.tick()).toEqual([]);
    bench.nowMs += 251;
  }
  expect(first.tick()).toEqual(["AdvanceTime"]);
  expect(second.tick()).toEqual([]);
  second.logTimeMs += 200;
  for (let round = 0; round < 3; round++) {
    second.nowMs += 251;
    expect(second.tick()).toEqual([]);
  }
  second.nowMs += 500;
  expect(second.tick()).toEqual(["AdvanceTime"]);
  second.unjudged = { stops: true };
  second.nowMs += 2_000;
  expect(second.tick()).toEqual([]);
});
