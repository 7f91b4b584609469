import { describe, expect, it } from "vitest";
import { simulate } from "../src/index.js";

const seeds = Array.from({ length: 300 }, (_, index) => index + 1);

describe("the real core in a faulty world", () => {
  it(`keeps every promise in seeds 1 to ${seeds.length}, and everything waiting finishes once faults stop`, {
    timeout: 120_000,
  }, () => {
    const totals: Record<string, number> = {};
    for (const seed of seeds) {
      const { failure, options, trace, counts } = simulate(seed);
      expect(
        failure,
        `seed ${seed} ${JSON.stringify(options)}\n${trace.slice(-40).join("\n")}`,
      ).toBeUndefined();
      for (const [kind, count] of Object.entries(counts)) totals[kind] = (totals[kind] ?? 0) + count;
    }
    for (const kind of [
      "crash acceptor",
      "crash leader",
      "crash replica",
      "reset",
      "partition",
      "pause",
      "lost directory",
      "lost",
      "doubled",
    ]) {
      expect(totals[kind], kind).toBeGreaterThan(seeds.length / 10);
    }
    expect(totals.executed).toBeGreaterThan(100 * seeds.length);
  });

  it("rules 22 and 23: keeps every promise while the acceptors change every few dozen slots", {
    timeout: 60_000,
  }, () => {
    const changing = { acceptors: 3, spareAcceptors: 2, reconfigure: 0.03, calmTicks: 6000 };
    let configurations = 0;
    for (const seed of seeds.slice(0, 40)) {
      const { failure, counts } = simulate(seed, changing);
      expect(failure, `seed ${seed}`).toBeUndefined();
      configurations += counts.configurations ?? 0;
    }
    expect(configurations).toBeGreaterThan(400);
  });

  it("rule 11: a command is executed where one leader, its replica and a majority can talk, however the rest is cut", {
    timeout: 60_000,
  }, () => {
    for (const seed of seeds.slice(0, 80)) {
      const { failure } = simulate(seed, { star: true, calmTicks: 4000 });
      expect(failure, `seed ${seed}`).toBeUndefined();
    }
  });

  it("processes that tick ten times more slowly and long pauses harm nobody", { timeout: 60_000 }, () => {
    const uneven = { acceptors: 5, slow: 0.3, pause: 0.03, resume: 0.004, calmTicks: 6000 };
    for (const seed of seeds.slice(0, 20))
      expect(simulate(seed, uneven).failure, `seed ${seed}`).toBeUndefined();
  });

  it("a seed replays exactly", () => {
    expect(simulate(11).traceHash).toBe(simulate(11).traceHash);
    expect(simulate(11).traceHash).not.toBe(simulate(12).traceHash);
  });

  it("without faults a slot carries one proposal, and no proposal takes two", { timeout: 60_000 }, () => {
    const calm = {
      loss: 0,
      duplication: 0,
      crash: 0,
      reset: 0,
      partition: 0,
      pause: 0,
      amnesia: false,
      replicaLoss: 0,
      sync: 1,
      maxDelay: 1,
    };
    for (const seed of seeds.slice(0, 40)) {
      const { failure, counts } = simulate(seed, calm);
      expect(failure, `seed ${seed}`).toBeUndefined();
      expect(counts["slots with a repeated proposal"], `seed ${seed}`).toBe(0);
    }
  });
});
