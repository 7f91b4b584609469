import { below, seededRandom } from "@synod/core";
import { timeLimits } from "@synod/state-machine";
import { describe, expect, it } from "vitest";
import { LogClock } from "../src/log-clock.js";

class Clocks {
  monotonic = 1_000;
  wall = 1_700_000_000_000;

  clock(appliedMs: number): LogClock {
    return new LogClock(
      appliedMs,
      () => this.monotonic,
      () => this.wall,
    );
  }
}

describe("a proposer's log clock", () => {
  it("begins with the wall clock, and never asks it again", () => {
    const clocks = new Clocks();
    const clock = clocks.clock(0);
    expect(clock.proposedMs).toBe(clocks.wall);
    expect(clock.begins).toBe(true);
    clock.applied(5_000);
    expect(clock.begins).toBe(false);
    clocks.wall += 3_600_000;
    expect(clock.proposedMs).toBe(5_000);
    clocks.wall -= 7_200_000;
    clocks.monotonic += 50;
    expect(clock.proposedMs).toBe(5_050);
  });

  it("adds what the monotonic clock counted since log time moved, up to the cap: a pause of an hour too", () => {
    const clocks = new Clocks();
    const clock = clocks.clock(5_000);
    clocks.monotonic += 120.7;
    expect(clock.proposedMs).toBe(5_120);
    clocks.monotonic += 3_600_000;
    expect(clock.proposedMs).toBe(5_000 + timeLimits.maxStepMs);
    clock.applied(5_200);
    expect(clock.proposedMs).toBe(5_200);
  });

  it("counts on while slots are applied that do not move log time", () => {
    const clocks = new Clocks();
    const clock = clocks.clock(5_000);
    clocks.monotonic += 60;
    clock.applied(5_000);
    clocks.monotonic += 60;
    expect(clock.proposedMs).toBe(5_120);
  });

  it("counts from when it proposed what was decided: the way through the log costs log time nothing", () => {
    const clocks = new Clocks();
    const clock = clocks.clock(5_000);
    for (let round = 1; round <= 20; round++) {
      clocks.monotonic += 10;
      const proposed = clock.proposedMs;
      expect(proposed).toBe(5_000 + (round - 1) * 50 + 10);
      clocks.monotonic += 40;
      clock.applied(proposed);
    }
  });

  it("is never ahead of the monotonic clock, whoever proposed and however late it is applied", () => {
    const clocks = new Clocks();
    const startedMs = clocks.monotonic;
    const group = [clocks.clock(5_000), clocks.clock(5_000), clocks.clock(5_000)];
    let logTimeMs = 5_000;
    const random = seededRandom(7);
    const decided: number[] = [];
    const applied = group.map(() => 0);
    for (let step = 0; step < 5_000; step++) {
      clocks.monotonic += below(random, 30) * (random() < 0.01 ? 50 : 1);
      const [index, clock] = [below(random, group.length), group[below(random, group.length)] as LogClock];
      if (random() < 0.5) {
        logTimeMs = Math.max(logTimeMs, Math.min(clock.proposedMs, logTimeMs + timeLimits.maxStepMs));
        decided.push(logTimeMs);
      } else {
        // Replicas lag behind each other by chance, and catch up at once.
        for (const late = group[index] as LogClock; (applied[index] ?? 0) < decided.length; ) {
          late.applied(decided[applied[index] ?? 0] as number);
          applied[index] = (applied[index] ?? 0) + 1;
        }
      }
      expect(logTimeMs - 5_000).toBeLessThanOrEqual(clocks.monotonic - startedMs);
    }
    expect(logTimeMs - 5_000).toBeGreaterThan((clocks.monotonic - startedMs) / 2);
  });

  it("gives a proposal and its way back one step between them: one that was held up brings no second step", () => {
    const clocks = new Clocks();
    const clock = clocks.clock(5_000);
    clocks.monotonic += 150;
    expect(clock.proposedMs).toBe(5_150);
    clocks.monotonic += 800;
    clock.applied(5_150);
    expect(clock.proposedMs).toBe(5_000 + timeLimits.maxStepMs);
  });

  it("takes at most one step from what begins at any slot, however late proposals are and replicas lag", {
    timeout: 30_000,
  }, () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = seededRandom(seed);
      const clocks = new Clocks();
      const group = Array.from({ length: 2 + below(random, 3) }, () => ({
        clock: clocks.clock(5_000),
        applied: 0,
        lagMs: below(random, 3) === 0 ? 0 : below(random, 1_500),
      }));
      const mostLateMs = below(random, 1_500);
      const decided: { readonly logTimeMs: number; readonly atMs: number }[] = [];
      let proposals: { readonly proposedMs: number; readonly dueMs: number }[] = [];
      let logTimeMs = 5_000;
      // Of log time less real time in all slots so far: what a lock granted in that slot would compare with.
      let leastLead = Number.POSITIVE_INFINITY;
      let mostTaken = 0;
      for (let step = 0; step < 1_000; step++) {
        clocks.monotonic += below(random, 20) * (random() < 0.01 ? 50 : 1);
        const nowMs = clocks.monotonic;
        for (const { proposedMs } of proposals.filter(({ dueMs }) => dueMs <= nowMs)) {
          logTimeMs = Math.max(logTimeMs, Math.min(proposedMs, logTimeMs + timeLimits.maxStepMs));
          const lead = logTimeMs - nowMs;
          mostTaken = Math.max(mostTaken, lead - leastLead);
          leastLead = Math.min(leastLead, lead);
          decided.push({ logTimeMs, atMs: nowMs });
        }
        proposals = proposals.filter(({ dueMs }) => dueMs > nowMs);
        for (const replica of group) {
          for (let next = decided[replica.applied]; next && next.atMs + replica.lagMs <= nowMs; ) {
            replica.clock.applied(next.logTimeMs);
            next = decided[++replica.applied];
          }
          const lateMs = random() < 0.2 ? below(random, mostLateMs + 1) : below(random, 20);
          if (random() < 0.3) proposals.push({ proposedMs: replica.clock.proposedMs, dueMs: nowMs + lateMs });
        }
      }
      expect(mostTaken, `seed ${seed}`).toBeLessThanOrEqual(timeLimits.maxStepMs);
    }
  });
});
