import { expect, test } from "vitest";
import { lagOf } from "../src/replica/replica-view.js";

test("a replica that lacks a few slots on their way does not lag", () => {
  expect(lagOf({ slotOut: 100, highestKnown: 163, trimmedBelow: 40 })).toBe("");
});

test("one that lacks many does, and says how many", () => {
  expect(lagOf({ slotOut: 100, highestKnown: 164, trimmedBelow: 40 })).toContain("65 slots behind");
});

test("one below the trim point does, however few it lacks: only a replica can help it", () => {
  expect(lagOf({ slotOut: 100, highestKnown: 110, trimmedBelow: 101 })).toContain("1 slots below");
});
