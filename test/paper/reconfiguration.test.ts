// PMMC 2.1 (WINDOW and reconfiguration) and 2.2: a leader while the acceptors change; rules 22 and 23 of docs/protocol.md.
import type { Configuration, Output, P1a, PValue, Value } from "@synod/core";
import { describe, expect, it } from "vitest";
import {
  acceptorPeer,
  ballot,
  genesis,
  LeaderBench,
  messagesOf,
  noOperation,
  promise,
  receivers,
  storeOf,
  value,
  vote,
} from "./kit.js";

/** The second configuration: of the first it keeps a3 alone. */
const second: Configuration = {
  ...genesis.configuration,
  number: 2,
  predecessor: 1,
  acceptors: ["a3", "a4", "a5"].map((id) => ({ id, address: `${id}:1`, store: storeOf(id) })),
};
const change = (number: number, configuration: Configuration): Value => ({
  kind: "configuration",
  proposal: { replica: "operator", incarnation: 1, number },
  configuration,
});
const changes = change(1, second);
const { window } = genesis;

/** A leader that found the second configuration in slot 1, and has decided it. */
function changing() {
  const bench = new LeaderBench();
  for (const id of ["a1", "a2", "a3", "a4", "a5"])
    bench.step({ kind: "connected", peer: acceptorPeer(id), slotOut: 0, configurations: [] });
  bench.attach();
  const { ballot: own, outputs } = bench.lead([[{ ballot: ballot(1, "l0"), slot: 1, value: changes }], []]);
  return { bench, own, decided: bench.decide(outputs) };
}

/** A leader that stands while slots of both configurations are in the window. */
function standing() {
  const bench = new LeaderBench();
  const configurations = [{ from: 1 + window, configuration: second }];
  bench.step({ kind: "connected", peer: { role: "replica", id: "r1" }, slotOut: window - 1, configurations });
  let asked = messagesOf(bench.tick(), "pre-vote");
  for (let tick = 0; asked.length === 0 && tick < 200; tick++) asked = messagesOf(bench.tick(), "pre-vote");
  const outputs = asked.flatMap(({ ballot: wanted, configuration }) =>
    (configuration === 1 ? ["a1", "a2"] : ["a4", "a5"]).flatMap((acceptor) =>
      bench.fromAcceptor({
        kind: "pre-vote-answer",
        acceptor,
        store: storeOf(acceptor),
        asked: wanted,
        configuration,
        promised: ballot(0, "l0"),
        hears: false,
      }),
    ),
  );
  const p1a = messagesOf(outputs, "p1a");
  const of = (configuration: number) => p1a.find((message) => message.configuration === configuration) as P1a;
  return { bench, first: of(1), second: of(2) };
}

const slotsOf = (outputs: readonly Output[]) => [
  ...new Set(messagesOf(outputs, "p2a").map(({ pvalue }) => pvalue.slot)),
];
const found = (slot: number, number: number): PValue => ({
  ballot: ballot(1, "l0"),
  slot,
  value: value(number),
});

describe("rule 22: a configuration decided in slot s", () => {
  it("rules from s + WINDOW; the slots before it are the old acceptors', and get no-ops so that it comes to that", () => {
    const { decided } = changing();
    expect([...new Set(receivers(decided, "p2a"))].sort()).toEqual(["a1", "a2", "a3"]);
    expect(slotsOf(decided)).toEqual([2, 3, 4]);
    expect(messagesOf(decided, "p2a").every(({ pvalue }) => pvalue.value === noOperation)).toBe(true);
  });

  it("is void unless it follows the latest one: the start stays where it was", () => {
    const bench = new LeaderBench();
    bench.attach();
    const other = change(2, { ...second, acceptors: genesis.configuration.acceptors });
    const { outputs } = bench.lead(
      [[1, 2].map((slot) => ({ ...found(slot, 0), value: slot === 1 ? changes : other }))].concat([[]]),
    );
    const decided = bench.decide(outputs);
    expect([...new Set(receivers(decided, "p1a"))].sort()).toEqual(["a3", "a4", "a5"]);
    expect(slotsOf(decided)).toEqual([3, 4]);
  });
});

describe("rule 23: a scout for each configuration of the window", () => {
  it("the next configuration's acceptors are asked with the same ballot as soon as a slot of theirs is in the window", () => {
    const { own, decided } = changing();
    const asked = messagesOf(decided, "p1a");
    expect(receivers(decided, "p1a").sort()).toEqual(["a3", "a4", "a5"]);
    for (const p1a of asked) expect(p1a).toMatchObject({ ballot: own, configuration: 2 });
  });

  it("nothing is proposed in a slot of theirs before a majority of them has promised", () => {
    const { bench, decided } = changing();
    const p1a = messagesOf(decided, "p1a")[0] as P1a;
    expect(slotsOf(bench.propose(value(1)))).toEqual([]);
    expect(slotsOf(bench.fromAcceptor(promise(p1a, "a3")))).toEqual([]);
    // One of the first configuration only is a stranger here.
    expect(slotsOf(bench.fromAcceptor(promise(p1a, "a1")))).toEqual([]);
    const adopted = bench.fromAcceptor(promise(p1a, "a4"));
    expect(slotsOf(adopted)).toEqual([1 + window]);
    expect(receivers(adopted, "p2a").sort()).toEqual(["a3", "a4", "a5"]);
  });

  it("in a slot of theirs the old acceptors' votes do not count", () => {
    const { bench, decided } = changing();
    const p1a = messagesOf(decided, "p1a")[0] as P1a;
    bench.propose(value(1));
    const [p2a] = ["a4", "a5"].flatMap((id) => messagesOf(bench.fromAcceptor(promise(p1a, id)), "p2a"));
    const { pvalue } = p2a as { pvalue: PValue };
    const told = (id: string) => messagesOf(bench.fromAcceptor(vote(pvalue, id)), "decision").length;
    expect([told("a1"), told("a2"), told("a3")]).toEqual([0, 0, 0]);
    expect(told("a4")).toBeGreaterThan(0);
  });

  it("whoever stands while both rule slots of the window asks both, with one ballot", () => {
    const { first, second: next } = standing();
    // From the last slot that the replica says is decided, so that phase 1 shows whether it can be (rule 28).
    expect(first).toMatchObject({ configuration: 1, from: window - 2 });
    expect(next).toMatchObject({ configuration: 2, ballot: first.ballot });
  });

  it("what acceptors of the next configuration tell of a slot of the old one counts for nothing", () => {
    const { bench, first, second: next } = standing();
    const early = ["a4", "a5"].flatMap((id) =>
      bench.fromAcceptor(promise(next, id, [found(window - 1, 9), found(window + 1, 8)])),
    );
    expect(slotsOf(early)).toEqual([]);
    const adopted = ["a1", "a2"].flatMap((id) =>
      bench.fromAcceptor(promise(first, id, [found(window - 2, 6), found(window - 1, 7)])),
    );
    const proposed = new Map(messagesOf(adopted, "p2a").map(({ pvalue }) => [pvalue.slot, pvalue.value]));
    expect(proposed.get(window - 1)).toEqual(value(7));
    expect(proposed.get(window + 1)).toEqual(value(8));
  });

  it("preempted by an acceptor of one, it is passive in all", () => {
    const { bench, decided } = changing();
    const p1a = messagesOf(decided, "p1a")[0] as P1a;
    expect(bench.leader.status().phase).toBe("active");
    bench.fromAcceptor(promise(p1a, "a5", [], { promised: ballot(9, "l2") }));
    expect(bench.leader.status().phase).toBe("passive");
    expect(slotsOf(bench.propose(value(1)))).toEqual([]);
  });
});
