import { expect, test } from "vitest";
import { longestWaitMs, waitMs } from "../src/transport/callers.js";

const callWith = (leftMs: number) => ({ timeLeftMs: (maxMs: number) => Math.min(leftMs, maxMs) });

test.each([
  [100, 75],
  [400, 350],
  [2_000, 1_800],
  [20_000, 19_500],
  [Number.POSITIVE_INFINITY, longestWaitMs],
])(
  "of %d ms that a caller waits, %d are waited here: the reason must arrive before it gives up",
  (left, waits) => {
    expect(waitMs(callWith(left))).toBe(waits);
  },
);
