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
    clock.applied(5_000);
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
});
