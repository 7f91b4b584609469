import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { type Schedule, shrink, simulate } from "../src/index.js";

const folder = path.join(import.meta.dirname, "regressions");

interface Regression {
  /** What was wrong when the schedule failed. */
  readonly fault: string;
  readonly failure: string;
  readonly schedule: Schedule;
}

describe("schedules that failed once", () => {
  it.each(readdirSync(folder))("%s", async (file) => {
    const { fault, schedule } = JSON.parse(readFileSync(path.join(folder, file), "utf8")) as Regression;
    expect((await simulate(schedule)).failure, fault).toBeUndefined();
  });
});

it("a failing schedule is made smaller, and fails in the same way again and again", async () => {
  // Nothing can finish in no time: a failure that needs no fault at all.
  const schedule = { seed: 3, overrides: { calmTicks: 1, faultyTicks: 200, star: false } };
  const failed = await simulate(schedule);
  expect(failed.failure).toMatch(/^Violation: 1 ticks after the last fault/);
  const { overrides, events, failure } = await shrink(schedule, failed, { attempts: 16 });
  expect(events.length).toBeLessThan(failed.events.length);
  expect((await simulate({ seed: 3, overrides, events })).failure).toBe(failure);
});
