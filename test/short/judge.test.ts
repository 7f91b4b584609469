// The judge of traces that the acceptance scripts "fsync" and "disk" have.
import { expect, it } from "vitest";
import { ExpectedRecords } from "../acceptance/support/expected-records.mjs";

it("a judge of traces takes the highest of several ballots in one commit for all of them, and none below it", () => {
  const ballot = (round: number) => ({ round, leader: "l1", incarnation: 1 });
  const records = new ExpectedRecords();
  for (const round of [1, 2, 3])
    records.expect("promise", ballot(round), () => Buffer.from(`promise ${round}`));
  records.pagesWritten(Buffer.from("a page with promise 2 in it"), 10);
  records.synced({ begin: 11, end: 12 });
  expect(records.durable("promise", ballot(2))).toBe(Infinity);
  records.headWritten({ begin: 13, end: 14 });
  expect([1, 2, 3].map((round) => records.durable("promise", ballot(round)))).toEqual([14, 14, Infinity]);
  expect(records.durable("slot 1", ballot(1))).toBe(Infinity);
});
