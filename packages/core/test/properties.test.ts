import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Ballot,
  type Configuration,
  Configurations,
  compareBallots,
  defaultLimits,
  limitProblems,
  majorityOf,
  Quorum,
  sameBallot,
} from "../src/index.js";

const ballots: fc.Arbitrary<Ballot> = fc.record({
  round: fc.nat(4),
  leader: fc.constantFrom("a", "b", "l1", "l10", "l2"),
  incarnation: fc.nat(3),
});

describe("ballots", () => {
  it("are totally ordered: antisymmetric, transitive, and equal only when the same", () => {
    fc.assert(
      fc.property(ballots, ballots, ballots, (a, b, c) => {
        expect(Math.sign(compareBallots(a, b))).toBe(-Math.sign(compareBallots(b, a)) + 0);
        if (compareBallots(a, b) <= 0 && compareBallots(b, c) <= 0)
          expect(compareBallots(a, c)).toBeLessThanOrEqual(0);
        expect(sameBallot(a, b)).toBe(
          a.round === b.round && a.leader === b.leader && a.incarnation === b.incarnation,
        );
      }),
    );
  });
});

function configuration(number: number, acceptors: number): Configuration {
  return {
    number,
    predecessor: number - 1,
    acceptors: Array.from({ length: acceptors }, (_, index) => ({
      id: `a${index}`,
      address: "",
      store: `s${index}`,
    })),
    leaders: [],
    replicas: [],
  };
}

describe("quorums", () => {
  it("any two sets of acceptors that reach a majority share one", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.nat(8)),
        fc.array(fc.nat(8)),
        (size, one, other) => {
          const reached = [one, other].map((picked) => {
            const quorum = new Quorum(configuration(1, size));
            for (const index of picked) quorum.count(`a${index}`, `s${index}`);
            return quorum.reached;
          });
          const shared = one.some((index) => index < size && other.includes(index));
          if (reached[0] && reached[1]) expect(shared).toBe(true);
          expect(2 * majorityOf(size)).toBeGreaterThan(size);
        },
      ),
    );
  });
});

describe("configurations (rule 22)", () => {
  const window = 5;

  it("each slot has one ruler, and a decided one rules from its slot + WINDOW on", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 5 }), fc.nat(200), (gaps, slot) => {
        const known = new Configurations({ window, configuration: configuration(1, 3) });
        let at = 0;
        const starts = [1];
        gaps.forEach((gap, index) => {
          at += gap;
          expect(known.decided(at, configuration(index + 2, 3))).toBe(true);
          starts.push(at + window);
        });
        const expected = starts.filter((start) => start <= Math.max(1, slot)).length;
        expect(known.at(Math.max(1, slot)).number).toBe(expected);
        const serving = known.serving(Math.max(1, slot), Math.max(1, slot) + window);
        expect(serving[0]?.number).toBe(expected);
      }),
    );
  });

  it("one whose predecessor is not the latest decided is void, also when it was decided before", () => {
    const known = new Configurations({ window, configuration: configuration(1, 3) });
    expect(known.decided(4, configuration(3, 3))).toBe(false);
    expect(known.decided(4, configuration(2, 3))).toBe(true);
    expect(known.decided(9, configuration(2, 5))).toBe(false);
    expect(known.latest.from).toBe(4 + window);
  });

  it("whoever lags takes what another knows to be decided, and nothing twice", () => {
    const ahead = new Configurations({ window, configuration: configuration(1, 3) });
    ahead.decided(2, configuration(2, 3));
    ahead.decided(9, configuration(3, 5));
    const behind = new Configurations({ window, configuration: configuration(1, 3) });
    for (let round = 0; round < 2; round++) behind.learn(ahead.known);
    expect(behind.known).toEqual(ahead.known);
  });
});

describe("limits", () => {
  it("the defaults are sound, and every problem of unsound ones is named at once", () => {
    expect(limitProblems(defaultLimits)).toEqual([]);
    const unsound = {
      ...defaultLimits,
      tickMs: 0,
      suspectAfterTicks: 3,
      maxPageBytes: 1 << 30,
      maxBatchCommands: 20_000,
    };
    const problems = limitProblems(unsound);
    for (const name of ["tickMs", "suspectAfterTicks", "maxPageBytes", "maxBatchCommands"]) {
      expect(
        problems.some((problem) => problem.startsWith(name)),
        name,
      ).toBe(true);
    }
  });
});
