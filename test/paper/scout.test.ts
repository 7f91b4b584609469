// PMMC 2.2, figure 6a (scout), and 4.1; rule 6, rule 5 where answers are counted, and the maximum of rule 7.
import { type P1b, Scout, valueBytes } from "@synod/core";
import { describe, expect, it } from "vitest";
import { ballot, genesis, promise, value } from "./kit.js";

const scout = () => new Scout(3, ballot(2), genesis.configuration, { from: 5 });
const answer = (
  from: Scout,
  acceptor: string,
  accepted: Parameters<typeof promise>[2] = [],
  more: Partial<P1b> = {},
) => promise(from.ask(acceptor), acceptor, accepted, more);

describe("rule 6: a scout counts distinct, bound acceptors that promised exactly its ballot", () => {
  it("is adopted at a majority, not before", () => {
    const s = scout();
    s.receive(answer(s, "a1"));
    expect(s.adopted).toBe(false);
    s.receive(answer(s, "a2"));
    expect(s.adopted).toBe(true);
  });

  it("one acceptor answering twice is one acceptor", () => {
    const s = scout();
    const twice = answer(s, "a1");
    s.receive(twice);
    s.receive(twice);
    expect([s.adopted, s.silent]).toEqual([false, ["a2", "a3"]]);
  });

  it("a promise of another ballot, higher or lower, does not count", () => {
    const s = scout();
    s.receive(answer(s, "a1", [], { promised: ballot(2, "l2") }));
    s.receive(answer(s, "a1", [], { asked: ballot(1), promised: ballot(1) }));
    expect(s.silent).toHaveLength(3);
  });

  it("an answer to another scout, another configuration or another page does not count", () => {
    const s = scout();
    for (const other of [{ scout: 2 }, { configuration: 2 }, { from: 4 }])
      s.receive(answer(s, "a1", [], other));
    expect(s.silent).toHaveLength(3);
  });

  it("rule 5: an answer from a store the configuration does not bind, or from a stranger, does not count", () => {
    const s = scout();
    s.receive(answer(s, "a1"));
    s.receive(answer(s, "a2", [], { store: "made-anew" }));
    s.receive(answer(s, "a4"));
    expect([s.adopted, s.silent]).toEqual([false, ["a2", "a3"]]);
  });

  it("asks each acceptor page by page, and counts it only after the last", () => {
    const s = scout();
    s.receive(answer(s, "a1"));
    const found = [5, 9].map((slot) => ({ ballot: ballot(1), slot, value: value(slot) }));
    expect(s.receive(answer(s, "a2", found.slice(0, 1), { next: 9 }))).toBe(true);
    expect(s.ask("a2")).toMatchObject({ from: 9, scout: 3 });
    expect(s.receive(promise({ ...s.ask("a2"), from: 5 }, "a2"))).toBe(false);
    expect(s.adopted).toBe(false);
    expect(s.receive(answer(s, "a2", found.slice(1)))).toBe(false);
    expect([s.adopted, s.found.get(5), s.found.get(9)]).toEqual([true, ...found]);
  });

  it("leaves out pages of slots that are decided meanwhile", () => {
    const s = scout();
    s.skipTo(100);
    expect(s.covered).toBe(5);
    expect(s.receive(answer(s, "a1", [], { next: 9 }))).toBe(true);
    expect(s.ask("a1").from).toBe(100);
    expect(s.covered).toBe(5);
    s.receive(answer(s, "a2", [], { next: 120 }));
    expect(s.covered).toBe(100);
  });

  it("lets go of what was found in slots that are decided, and takes no more of them", () => {
    const s = scout();
    const found = [5, 6, 7, 8].map((slot) => ({ ballot: ballot(1), slot, value: value(slot) }));
    s.receive(answer(s, "a1", found));
    expect(s.found.bytes).toBe(4 * valueBytes(value(5)));
    s.skipTo(7);
    s.receive(answer(s, "a2", found, { next: 9 }));
    expect([5, 6, 7, 8].filter((slot) => s.found.has(slot))).toEqual([7, 8]);
    expect([s.found.bytes, s.found.highest]).toEqual([2 * valueBytes(value(5)), 9]);
    s.skipTo(1_000_000_000);
    expect([s.found.has(8), s.found.bytes]).toEqual([false, 0]);
  });

  it("knows below which slot a majority has told everything, before the last page", () => {
    const s = scout();
    expect(s.covered).toBe(5);
    s.receive(answer(s, "a1", [], { next: 12 }));
    expect(s.covered).toBe(5);
    s.receive(answer(s, "a2", [], { next: 9 }));
    expect(s.covered).toBe(9);
    s.receive(answer(s, "a3", [], { next: 20 }));
    expect(s.covered).toBe(12);
    s.receive(answer(s, "a2"));
    expect(s.covered).toBe(20);
    s.receive(answer(s, "a1"));
    expect(s.covered).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("rule 7: per slot the value of the highest ballot counts", () => {
  it("whatever the order in which acceptors and ballots come (a running maximum)", () => {
    const pvalues = [1, 3, 2].map((round) => ({
      ballot: ballot(1, `l${round}`),
      slot: 5,
      value: value(round),
    }));
    for (const order of [
      [0, 1, 2],
      [1, 2, 0],
      [2, 0, 1],
      [1, 0, 2],
    ]) {
      const s = new Scout(
        1,
        ballot(2),
        {
          ...genesis.configuration,
          acceptors: ["a1", "a2", "a3", "a4", "a5"].map((id) => ({ id, address: "", store: `store-${id}` })),
        },
        { from: 5 },
      );
      order.forEach((index, acceptor) => {
        s.receive(answer(s, `a${acceptor + 1}`, [pvalues[index] as never]));
      });
      expect(s.found.get(5)?.value).toEqual(value(3));
    }
  });
});
