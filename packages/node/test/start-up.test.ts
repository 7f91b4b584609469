import { expect, test } from "vitest";
import { type Other, slotToReach } from "../src/replica/catch-up/start-up.js";

/** Another build than the one that reported, or none that ever did. */
const stranger = (appliedSlot: number) => ({ appliedSlot, introduced: false });

const other = (appliedSlot: number, trimPoint: number, lastSwitch = 0): Other => ({
  member: { id: "r2", address: "r2:1" },
  ...{ appliedSlot, trimPoint, lastSwitch },
});

test("a replica goes on by itself where nobody answers, or has anything that it must not execute (rule 32)", () => {
  expect(slotToReach(stranger(0), [])).toBeUndefined();
  expect(slotToReach(stranger(0), [other(0, 0), other(7, 0)])).toBeUndefined();
  expect(slotToReach(stranger(90), [other(100, 80)])).toBeUndefined();
  expect(slotToReach(stranger(90), [other(100, 95, 90)])).toBeUndefined();
});

test("what lies before a switch is not executed by whoever comes later, whether it has a state or none", () => {
  expect(slotToReach(stranger(90), [other(100, 80, 91), other(95, 70, 40)])).toBe(91);
  expect(slotToReach(stranger(0), [other(100, 80, 91), other(95, 70)])).toBe(91);
});

test("what a majority agreed in is not executed by a replica with an empty directory", () => {
  expect(slotToReach(stranger(0), [other(100, 80, 40), other(100, 90)])).toBe(90);
  expect(slotToReach(stranger(1), [other(100, 80)])).toBeUndefined();
});

test("a build that was asked before the switch executes what lies before it: replicas that all went down there do not wait for each other", () => {
  const party = { appliedSlot: 90, introduced: true };
  expect(slotToReach(party, [other(100, 80, 91), other(90, 80, 40)])).toBeUndefined();
});
