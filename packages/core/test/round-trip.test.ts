import fc from "fast-check";
import { expect, test } from "vitest";
import { RoundTrip } from "../src/index.js";

/** The ticks, from the first copy on, at which others go. */
function copiesWithin(ticks: number, roundTrip: RoundTrip): number[] {
  const repetition = roundTrip.begin();
  return Array.from({ length: ticks }, (_, tick) => (repetition.tick() ? [tick + 1] : [])).flat();
}

/** Something is asked, and answered after so many ticks. */
function ask(roundTrip: RoundTrip, ticks: number): number {
  const repetition = roundTrip.begin();
  let copies = 1;
  for (let tick = 0; tick < ticks; tick++) if (repetition.tick()) copies++;
  repetition.answered();
  return copies;
}

test("waits double up to a bound", () => {
  expect(copiesWithin(400, new RoundTrip(8))).toEqual([8, 24, 56, 120, 184, 248, 312, 376]);
});

test("nothing goes again before an answer is late by what earlier ones took and how much they varied", () => {
  const roundTrip = new RoundTrip(8);
  ask(roundTrip, 7);
  expect(roundTrip.wait).toBe(21); // 7 + 4 · 3.5
  ask(roundTrip, 15);
  expect(roundTrip.wait).toBe(27); // 8 + 4 · 4.625
  for (let answer = 0; answer < 100; answer++) ask(roundTrip, 1);
  expect(copiesWithin(20, roundTrip)).toEqual([8]);
});

test("an answer to one of several copies counts half of its time, since the first may have been lost", () => {
  const lossy = new RoundTrip(8);
  expect(ask(lossy, 10)).toBe(2);
  expect(lossy.wait).toBe(17); // 5.5 + 4 · 2.75
  ask(lossy, 18);
  const before = lossy.wait;
  expect(ask(lossy, before)).toBe(2);
  expect(lossy.wait).toBeLessThan(2 * before);
});

test("however slow answers are, what is asked for is soon sent once", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 * 8 - 1 }), (ticks) => {
      const roundTrip = new RoundTrip(8);
      let copies = 0;
      for (let answer = 0; answer < 12; answer++) copies += ask(roundTrip, ticks);
      expect(copies).toBeLessThanOrEqual(12 + 5);
      for (let answer = 0; answer < 40; answer++) expect(ask(roundTrip, ticks)).toBe(1);
    }),
  );
});
