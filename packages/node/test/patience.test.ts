import { expect, test } from "vitest";
import { Patience } from "../src/replica/patience.js";

/** When something is proposed that is never decided, looked at every 10 ms. */
function proposals(patience: Patience, clock: { nowMs: number }, untilMs: number): number[] {
  const times: number[] = [];
  for (; clock.nowMs < untilMs; clock.nowMs += 10) {
    if (!patience.over) continue;
    patience.proposed();
    times.push(clock.nowMs);
  }
  return times;
}

test("rule 29: what is not decided is proposed again after waits that double up to a minute", () => {
  const clock = { nowMs: 0 };
  const patience = new Patience(() => clock.nowMs);
  expect(proposals(patience, clock, 200_000)).toEqual([
    0, 2_010, 6_020, 14_030, 30_040, 62_050, 122_060, 182_070,
  ]);
});

test("what comes after something that was decided is proposed at once, and again after two seconds", () => {
  const clock = { nowMs: 0 };
  const patience = new Patience(() => clock.nowMs);
  proposals(patience, clock, 20_000);
  patience.settled();
  expect(proposals(patience, clock, 23_000)).toEqual([20_000, 22_010]);
});
