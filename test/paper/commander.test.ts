// PMMC 2.2, figure 6b (commander); rule 8, and rule 5 where votes are counted.
import { Commander, RoundTrip } from "@synod/core";
import { describe, expect, it } from "vitest";
import { ballot, genesis, value, vote } from "./kit.js";

const pvalue = { ballot: ballot(2), slot: 5, value: value(1) };
const commander = () => new Commander(pvalue, genesis.configuration, () => new RoundTrip(8).begin());

describe("rule 8: a commander counts distinct, bound votes for its ballot", () => {
  it("is decided at a majority, not before", () => {
    const c = commander();
    expect(c.receive(vote(pvalue, "a1"))).toBe(false);
    expect(c.receive(vote(pvalue, "a3"))).toBe(true);
  });

  it("one acceptor voting twice is one vote", () => {
    const c = commander();
    c.receive(vote(pvalue, "a1"));
    expect(c.receive(vote(pvalue, "a1"))).toBe(false);
    expect(c.silent).toEqual(["a2", "a3"]);
  });

  it("a delayed refusal of another ballot is no vote, though its promise equals this ballot (rule 2)", () => {
    const c = commander();
    c.receive(vote(pvalue, "a1"));
    expect(c.receive(vote(pvalue, "a2", { asked: ballot(1) }))).toBe(false);
    expect(c.silent).toEqual(["a2", "a3"]);
  });

  it("votes of two ballots are never added up, whichever is higher", () => {
    const c = commander();
    c.receive(vote(pvalue, "a1"));
    expect(c.receive(vote({ ...pvalue, ballot: ballot(1) }, "a2"))).toBe(false);
    expect(c.receive(vote({ ...pvalue, ballot: ballot(3) }, "a3"))).toBe(false);
    expect(c.receive(vote(pvalue, "a3", { promised: ballot(3, "l2") }))).toBe(false);
    expect(c.silent).toEqual(["a2", "a3"]);
  });

  it("rule 5: a vote from a store the configuration does not bind, or from a stranger, does not count", () => {
    const c = commander();
    c.receive(vote(pvalue, "a1"));
    expect(c.receive(vote(pvalue, "a2", { store: "made-anew" }))).toBe(false);
    expect(c.receive(vote(pvalue, "a9"))).toBe(false);
    expect(c.silent).toEqual(["a2", "a3"]);
  });
});
