// PMMC 2.2, figure 6a (scout), and 4.1; rule 6, rule 5 where answers are counted, and the maximum of rule 7.
import { type P1b, Scout, valueBytes } from "@synod/core";
import { describe, expect, it } from "vitest";
import { ballot, genesis, promise, value } from "./kit.js";

const scout = () => new Scout(3, ballot(2), genesis.configuration, 5);
const answer = (
  from: Scout,
  acceptor: string,
  accepted: Parameters<typeof promise>[2] = [],
  more: Partial<P1b> = {},
) => promise(from.ask(acceptor), acceptor, accepted, more);

describe("rule 6: a scout counts distinct, bound acceptors that promised exactly its ballot", () => {
  it("is adopted at a majority, not before", () => {
    const s = scout();
    expect(s.receive(answer(s, "a1"))).toEqual({ kind: "waiting" });
    expect(s.receive(answer(s, "a2"))).toEqual({ kind: "adopted" });
  });

  it("one acceptor answering twice is one acceptor", () => {
    const s = scout();
    const twice = answer(s, "a1");
    s.receive(twice);
    expect(s.receive(twice).kind).toBe("ignored");
    expect(s.silent).toEqual(["a2", "a3"]);
  });

  it("a higher promise preempts, a lower one is stale", () => {
    const s = scout();
    expect(s.receive(answer(s, "a1", [], { promised: ballot(2, "l2") }))).toEqual({
      kind: "preempted",
      by: ballot(2, "l2"),
    });
    expect(s.receive(answer(s, "a1", [], { asked: ballot(1), promised: ballot(1) }))).toMatchObject({
      kind: "ignored",
    });
    expect(s.silent).toHaveLength(3);
  });

  it("an answer to another scout, another configuration or another page does not count", () => {
    const s = scout();
    for (const other of [{ scout: 2 }, { configuration: 2 }, { from: 4 }])
      expect(s.receive(answer(s, "a1", [], other)).kind).toBe("ignored");
    expect(s.silent).toHaveLength(3);
  });

  it("rule 5: an answer from a store the configuration does not bind, or from a stranger, does not count", () => {
    const s = scout();
    s.receive(answer(s, "a1"));
    expect(s.receive(answer(s, "a2", [], { store: "made-anew" }))).toEqual({
      kind: "ignored",
      reason: "unbound store",
    });
    expect(s.receive(answer(s, "a4"))).toEqual({ kind: "ignored", reason: "unbound store" });
    expect(s.silent).toEqual(["a2", "a3"]);
  });

  it("asks each acceptor page by page, and counts it only after the last", () => {
    const s = scout();
    s.receive(answer(s, "a1"));
    const first = s.receive(answer(s, "a2", [{ ballot: ballot(1), slot: 5, value: value(1) }], { next: 9 }));
    expect(first).toMatchObject({ kind: "page", ask: { from: 9, scout: 3 } });
    expect(s.receive(promise({ ...s.ask("a2"), from: 5 }, "a2")).kind).toBe("ignored");
    expect(s.receive(answer(s, "a2", [{ ballot: ballot(1), slot: 9, value: value(2) }]))).toEqual({
      kind: "adopted",
    });
    expect([...s.found.keys()]).toEqual([5, 9]);
  });

  it("leaves out pages of slots that are decided meanwhile", () => {
    const s = scout();
    s.skipTo(100);
    expect(s.covered).toBe(5);
    expect(s.receive(answer(s, "a1", [], { next: 9 }))).toMatchObject({ kind: "page", ask: { from: 100 } });
    expect(s.covered).toBe(5);
    s.receive(answer(s, "a2", [], { next: 120 }));
    expect(s.covered).toBe(100);
  });

  it("lets go of what was found in slots that are decided, and takes no more of them", () => {
    const s = scout();
    const found = [5, 6, 7, 8].map((slot) => ({ ballot: ballot(1), slot, value: value(slot) }));
    s.receive(answer(s, "a1", found));
    expect(s.bytes).toBe(4 * valueBytes(value(5)));
    s.skipTo(7);
    s.receive(answer(s, "a2", found, { next: 9 }));
    expect([[...s.found.keys()], s.bytes, s.highest]).toEqual([[7, 8], 2 * valueBytes(value(5)), 9]);
    s.skipTo(1_000_000_000);
    expect([s.found.size, s.bytes]).toEqual([0, 0]);
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
        5,
      );
      order.forEach((index, acceptor) => {
        s.receive(answer(s, `a${acceptor + 1}`, [pvalues[index] as never]));
      });
      expect(s.found.get(5)?.value).toEqual(value(3));
    }
  });
});
