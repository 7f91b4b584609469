import { expect, test } from "vitest";
import { lagOf } from "../src/replica/replica-view.js";

test("a replica that lacks a few slots on their way does not lag", () => {
  expect(lagOf({ slotOut: 100, highestKnown: 163, trimmedBelow: 40 })).toBe("");
});

test("one that lacks many does, and says how many", () => {
  expect(lagOf({ slotOut: 100, highestKnown: 164, trimmedBelow: 40 })).toContain("65 slots behind");
});

test("one that another brings up says by whom, how much of its state is here, and for how long it goes on", () => {
  const role = { slotOut: 1, highestKnown: 110, trimmedBelow: 101 };
  const state = { from: "r2", slot: 90, rows: 1, ofRows: 3, bytes: 5 << 20, slotsLeft: 100 };
  const lag = "100 slots below what acceptors keep: catching up from ";
  expect(lagOf(role, state)).toBe(`${lag}r2: 33 % of its state after slot 90 is here (5 MiB)`);
  expect(lagOf(role, { ...state, secondsLeft: 7 })).toContain("(5 MiB, about 7 s left)");
  expect(lagOf(role, { ...state, slot: 0 })).toBe(`${lag}the log of r2`);
});

test("one below the trim point does, however few it lacks: only a replica can help it", () => {
  expect(lagOf({ slotOut: 100, highestKnown: 110, trimmedBelow: 101 })).toContain("1 slots below");
});
