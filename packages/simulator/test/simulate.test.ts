import { describe, expect, it } from "vitest";
import { Campaign, type FaultRates, faultKinds, type Schedule, simulate } from "../src/index.js";

const seeds = Array.from({ length: 28 }, (_, index) => index + 1);
const timeout = 120_000;

/** These faults and no others, in events per thousand ticks. */
function only(rates: Partial<FaultRates>): FaultRates {
  const none = Object.fromEntries(Object.keys(faultKinds).map((kind) => [kind, 0])) as FaultRates;
  return { ...none, ...rates };
}

function kept(schedule: Schedule) {
  const result = simulate(schedule);
  const { failure, options, trace } = result;
  expect(
    failure,
    `seed ${schedule.seed} ${JSON.stringify(options)}\n${trace.slice(-40).join("\n")}`,
  ).toBeUndefined();
  return result;
}

describe("the real core, codec and services in a faulty world", () => {
  it(`keeps every promise in seeds 1 to ${seeds.length}, and everything waiting finishes once faults stop`, {
    timeout,
  }, () => {
    const campaign = new Campaign();
    const results = seeds.map((seed) => kept({ seed }));
    for (const result of results) campaign.add(result);
    const { occurrence, medianAcknowledged, medianLeaderChanges } = campaign.summary;
    for (const [kind, part] of Object.entries(occurrence)) expect(part, kind).toBeGreaterThan(0);
    // Not so often, or not to be counted by seeds: that there was occasion to break a promise.
    for (const kind of ["trim point moved", "told that it is trimmed", "slots with a repeated proposal"])
      expect(
        results.reduce((sum, { counts }) => sum + (counts[kind] ?? 0), 0),
        kind,
      ).toBeGreaterThan(seeds.length / 10);
    expect(medianAcknowledged).toBeGreaterThanOrEqual(300);
    expect(medianLeaderChanges).toBeGreaterThanOrEqual(2);
  });

  it("rules 22 and 23: keeps every promise while the acceptors change every few dozen slots", {
    timeout,
  }, () => {
    const overrides = { acceptors: 3, spareAcceptors: 2, reconfigure: 0.03, star: false };
    let configurations = 0;
    for (const seed of seeds.slice(0, 8))
      configurations += kept({ seed, overrides }).counts.reconfiguration ?? 0;
    expect(configurations).toBeGreaterThan(80);
  });

  it("rules 18 and 19: keeps every promise while replicas lose their directories again and again", {
    timeout,
  }, () => {
    const faults = only({ "lost directory of a replica": 40, pause: 10 });
    const overrides = { replicas: 3, leaders: 3, reportHaste: 5, flush: 0.012, trimLoss: 0, faults };
    for (const seed of seeds.slice(0, 8)) kept({ seed, overrides });
  });

  it("rule 11: a command is executed where one leader, its replica and a majority can talk, however the rest is cut", {
    timeout,
  }, () => {
    for (const seed of seeds.slice(0, 16)) kept({ seed, overrides: { star: true } });
  });

  it("processes that tick ten times more slowly and long pauses harm nobody", { timeout }, () => {
    const overrides = {
      acceptors: 5,
      slow: 0.3,
      spareAcceptors: 0,
      reconfigure: 0,
      faults: only({ pause: 30 }),
    };
    for (const seed of seeds.slice(0, 8)) kept({ seed, overrides });
  });

  it("rule 35: log time keeps up while nobody asks anything, whoever was away and is asked first, and silence costs no slot", {
    timeout,
  }, () => {
    const overrides = {
      star: false,
      slow: 0,
      spareAcceptors: 0,
      reconfigure: 0,
      faultyTicks: 200,
      idleTicks: 1_200,
    };
    for (const seed of seeds.slice(0, 4)) kept({ seed, overrides });
  });

  it("without faults a slot carries one proposal, and no proposal takes two", { timeout }, () => {
    const overrides = {
      loss: 0,
      duplication: 0,
      sync: 1,
      delay: "even",
      maxDelay: 1,
      slow: 0,
      faults: only({}),
    } as const;
    for (const seed of seeds.slice(0, 8))
      expect(kept({ seed, overrides }).counts["slots with a repeated proposal"], `seed ${seed}`).toBe(0);
  });

  it("a seed replays exactly", { timeout }, () => {
    expect(simulate(11).sha256).toBe(simulate(11).sha256);
    expect(simulate(11).sha256).not.toBe(simulate(12).sha256);
  });

  it("rule 5: what a rolled-back store forgot is found when it votes on", { timeout }, () => {
    const faults = only({ "rolled-back copy": 6, "crash leader": 8, crash: 8, partition: 10 });
    const overrides = { acceptors: 3, faults, rollBackUncured: true };
    expect(seeds.some((seed) => simulate({ seed, overrides }).failure !== undefined)).toBe(true);
  });
});
