import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SequenceWindow } from "../src/sequence-window.js";

describe("a sequence window", () => {
  it("keeps the mark at the highest sequence with everything up to it settled, never more than its width behind", () => {
    const actions = fc.array(fc.oneof(fc.constant("take" as const), fc.nat(40)), { maxLength: 300 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), actions, (width, steps) => {
        const window = new SequenceWindow(width);
        const settled = new Set<number>();
        let last = 0;
        let mark = 0;
        for (const step of steps) {
          if (step === "take") {
            const taken = window.take();
            expect(taken).toBe(last - mark < width ? last + 1 : undefined);
            last = taken ?? last;
          } else {
            window.settle(step);
            if (step >= 1 && step <= last) settled.add(step);
            while (settled.has(mark + 1)) mark += 1;
          }
          expect(window.mark).toBe(mark);
        }
      }),
    );
  });
});
