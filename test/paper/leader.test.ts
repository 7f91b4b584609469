// PMMC 2.2, figure 7 (leader), 4.2; rules 6 to 10 and 15 of docs/protocol.md.
import type { P1a } from "@synod/core";
import { describe, expect, it } from "vitest";
import {
  acceptorIds,
  acceptorPeer,
  ballot,
  genesis,
  LeaderBench,
  leaderPeer,
  leading,
  limits,
  messagesOf,
  noOperation,
  only,
  promise,
  proposals,
  receivers,
  value,
  vote,
} from "./kit.js";

describe("ballots of a leader", () => {
  it("carry the incarnation drawn at start, and a round above every one heard of", () => {
    const { ballot: own } = leading();
    expect(own).toEqual({ round: 1, leader: "l1", incarnation: 7 });
    const bench = new LeaderBench("l1", 8);
    bench.attach();
    expect(bench.lead().ballot).toEqual({ round: 1, leader: "l1", incarnation: 8 });
    const pvalue = only(proposals(bench.propose(value(1))));
    bench.fromAcceptor(vote(pvalue, "a1", { promised: ballot(5, "l2") }));
    bench.step({ kind: "disconnected", peer: leaderPeer("l2") });
    expect(bench.lead().ballot).toEqual({ round: 6, leader: "l1", incarnation: 8 });
  });
});

describe("rule 6: the scout asks again", () => {
  it("P1a goes again to whoever is silent, and only to them", () => {
    const bench = new LeaderBench();
    bench.attach();
    const { p1a } = bench.stand();
    bench.fromAcceptor(promise(p1a[0] as never, "a2"));
    const again = bench.tick(limits.resendTicks);
    expect(receivers(again, "p1a").sort()).toEqual(["a1", "a3"]);
  });
});

describe("rule 6: the patience with a scout", () => {
  it("doubles with each that is not adopted, since the next begins anew with pages that come slowly", () => {
    const bench = new LeaderBench();
    bench.attach();
    for (const patience of [limits.scoutTicks, 2 * limits.scoutTicks, 4 * limits.scoutTicks]) {
      bench.stand();
      bench.tickHeard(patience - 1);
      expect(bench.leader.status().phase).toBe("scouting");
      bench.tickHeard(1);
      expect(bench.leader.status().phase).toBe("passive");
    }
  });
});

describe("rule 7: adoption", () => {
  it("proposes again, in its slot, the value of the highest ballot that a majority reports", () => {
    const { ballot: own, outputs } = leading([
      [{ ballot: ballot(1, "l0"), slot: 1, value: value(1) }],
      [{ ballot: ballot(1, "l00"), slot: 1, value: value(2) }],
    ]);
    expect(proposals(outputs)).toEqual([{ ballot: own, slot: 1, value: value(2) }]);
  });

  it("fills the holes below the highest slot found with no-ops, and leaves nothing above", () => {
    const { outputs } = leading([[{ ballot: ballot(1, "l0"), slot: 3, value: value(9) }], []]);
    expect(proposals(outputs).map(({ slot, value: proposed }) => [slot, proposed])).toEqual([
      [1, noOperation],
      [2, noOperation],
      [3, value(9)],
    ]);
  });

  it("what was found overrides a proposal that waited while the scout ran", () => {
    const bench = new LeaderBench();
    bench.attach();
    const { p1a } = bench.stand();
    bench.propose(value(5));
    const outputs = ["a1", "a2"].flatMap((id) =>
      bench.fromAcceptor(
        promise(p1a[0] as never, id, [{ ballot: ballot(1, "l0"), slot: 1, value: value(9) }]),
      ),
    );
    expect(proposals(outputs).map((pvalue) => pvalue.value)).toEqual([value(9), value(5)]);
  });

  it("commanders start within the window only, and go on as slots are decided", () => {
    const found = [1, 2, 3, 4, 5, 6].map((slot) => ({ ballot: ballot(1, "l0"), slot, value: value(slot) }));
    const { bench, outputs } = leading([found, []]);
    expect(proposals(outputs).map(({ slot }) => slot)).toEqual([1, 2, 3, 4]);
    expect(proposals(bench.decide(outputs)).map(({ slot }) => slot)).toEqual([5, 6]);
  });

  it("however long the log: the slots of the first pages are worked on while the next are still to come", () => {
    const bench = new LeaderBench();
    bench.attach();
    const { p1a } = bench.stand();
    bench.propose(value(9));
    const page = [1, 2].map((slot) => ({ ballot: ballot(1, "l0"), slot, value: value(slot) }));
    const first = ["a1", "a2"].flatMap((id) =>
      bench.fromAcceptor(promise(p1a[0] as never, id, page, { next: 3 })),
    );
    expect(proposals(first).map(({ slot, value: proposed }) => [slot, proposed])).toEqual([
      [1, value(1)],
      [2, value(2)],
    ]);
    expect(bench.leader.status()).toMatchObject({ phase: "active", queued: 1 });
    bench.decide(first);
    expect(bench.leader.status()).toMatchObject({ slotOut: 3, commanders: 0, queued: 1 });
    const next = messagesOf(first, "p1a")[0] as P1a;
    const found = [{ ballot: ballot(1, "l0"), slot: 3, value: value(3) }];
    const rest = ["a1", "a2"].flatMap((id) => bench.fromAcceptor(promise(next, id, found)));
    expect(proposals(rest).map(({ slot, value: proposed }) => [slot, proposed])).toEqual([
      [3, value(3)],
      [4, value(9)],
    ]);
  });

  it("holds no more than it may: acceptors that told more than is needed are asked on when slot_out has moved", () => {
    const bench = new LeaderBench("l1", 7, { maxKeptBytes: 3 });
    bench.attach();
    const { p1a } = bench.stand();
    const page = [1, 2, 3, 4, 5, 6].map((slot) => ({ ballot: ballot(1, "l0"), slot, value: value(slot) }));
    const answers = (id: string) => bench.fromAcceptor(promise(p1a[0] as P1a, id, page, { next: 7 }));
    expect(receivers(answers("a1"), "p1a")).toEqual([]);
    expect(receivers(bench.tick(limits.resendTicks), "p1a").sort()).toEqual(["a2", "a3"]);
    const adopted = answers("a2");
    expect(receivers(adopted, "p1a")).toEqual([]);
    expect(proposals(adopted).map(({ slot }) => slot)).toEqual([1, 2, 3, 4]);
    const further = bench.decide(adopted);
    expect(receivers(further, "p1a").sort()).toEqual(["a1", "a2"]);
    expect(messagesOf(further, "p1a").map(({ from }) => from)).toEqual([7, 7]);
    expect(proposals(further).map(({ slot }) => slot)).toEqual([5, 6]);
  });

  it("a trim record in any one answer, at any ballot, is a fact at once", () => {
    const bench = new LeaderBench();
    bench.attach();
    const { p1a } = bench.stand();
    const stale = promise(p1a[0] as never, "a1", [], {
      asked: ballot(0),
      promised: ballot(0),
      trim: { below: 50, configurations: [] },
    });
    bench.fromAcceptor(stale);
    expect(bench.leader.status().slotOut).toBe(50);
  });

  it("so is one in a later page: acceptors may have forgotten between two", () => {
    const bench = new LeaderBench();
    bench.attach();
    const { p1a } = bench.stand();
    const asked = { ...(p1a[0] as P1a), from: 3 };
    bench.fromAcceptor(promise(asked, "a1", [], { trim: { below: 50, configurations: [] } }));
    expect(bench.leader.status().slotOut).toBe(50);
  });

  it("everything below a replica's slot_out is decided: nothing is proposed there", () => {
    const bench = new LeaderBench();
    bench.attach("r1", 40);
    bench.lead([[{ ballot: ballot(1, "l0"), slot: 39, value: value(9) }], []]);
    expect(proposals(bench.propose(value(1), 40)).map(({ slot }) => slot)).toEqual([40]);
  });
});

describe("rule 8: commanders", () => {
  it("a decision goes to every attached replica and is kept for questions", () => {
    const { bench } = leading();
    bench.attach("r2");
    const decided = bench.decide(bench.propose(value(1)));
    expect(receivers(decided, "decision").sort()).toEqual(["r1", "r2"]);
    const answer = only(
      messagesOf(bench.fromReplica({ kind: "question", from: 1, through: 1 }, "r2"), "decision"),
    );
    expect(answer).toEqual({ kind: "decision", slot: 1, value: value(1) });
  });

  it("P2a goes again to whoever is silent, and only to them", () => {
    const { bench } = leading();
    const pvalue = only(proposals(bench.propose(value(1))));
    bench.fromAcceptor(vote(pvalue, "a3"));
    expect(receivers(bench.tick(limits.resendTicks), "p2a").sort()).toEqual(["a1", "a2"]);
  });

  it("P2a goes again more and more seldom, but for an acceptor that comes back", () => {
    const { bench } = leading();
    bench.propose(value(1));
    const copiesIn = (ticks: number) => receivers(bench.tickHeard(ticks), "p2a");
    const first = limits.resendTicks;
    // Slot 1 is put off by 1 tick each time, so that not all slots go again together.
    for (const wait of [first, 2 * first + 1, 4 * first + 1]) {
      expect(copiesIn(wait - 1)).toEqual([]);
      expect(copiesIn(1)).toEqual([...acceptorIds]);
    }
    bench.step({ kind: "connected", peer: acceptorPeer("a2"), slotOut: 0, configurations: [] });
    expect(copiesIn(first)).toEqual(["a2"]);
  });

  it("P2a goes again to each acceptor when it is late by the time in which it has answered before", () => {
    const { bench } = leading();
    for (const number of [1, 2, 3, 4]) {
      const pvalue = only(proposals(bench.propose(value(number))));
      bench.fromAcceptor(vote(pvalue, "a1"));
      bench.tickHeard(limits.resendTicks - 1);
      bench.fromAcceptor(vote(pvalue, "a2"));
    }
    bench.propose(value(5));
    expect(receivers(bench.tickHeard(limits.resendTicks), "p2a")).toEqual(["a1", "a3"]);
    expect(receivers(bench.tickHeard(4 * limits.resendTicks), "p2a")).toContain("a2");
  });

  it("an acceptor that comes back is asked at once", () => {
    const { bench } = leading();
    bench.propose(value(1));
    const outputs = bench.step({
      kind: "connected",
      peer: acceptorPeer("a2"),
      slotOut: 0,
      configurations: [],
    });
    expect(receivers(outputs, "p2a")).toEqual(["a2"]);
  });
});

describe("rule 9: what is decided is answered", () => {
  it("a proposal decided already is answered with its Decision, not given another slot", () => {
    const { bench } = leading();
    bench.decide(bench.propose(value(1)));
    const again = bench.propose(value(1));
    expect(messagesOf(again, "p2a")).toEqual([]);
    expect(only(messagesOf(again, "decision"))).toEqual({ kind: "decision", slot: 1, value: value(1) });
  });

  it("a decision not kept any more is recalled from a majority of the acceptors", () => {
    const { bench, ballot: own } = leading();
    for (let number = 1; number <= 8; number++) bench.decide(bench.propose(value(number)));
    const asked = bench.fromReplica({ kind: "question", from: 2, through: 3 });
    const p1a = messagesOf(asked, "p1a");
    expect(p1a.map(({ from }) => from)).toEqual([2, 2, 2]);
    const pvalues = [2, 3].map((slot) => ({ ballot: own, slot, value: value(slot) }));
    bench.fromAcceptor(promise(p1a[0] as never, "a1", pvalues, { next: 99 }));
    const told = bench.fromAcceptor(promise(p1a[0] as never, "a3", pvalues, { next: 99 }));
    expect(messagesOf(told, "decision").map(({ slot, value: decided }) => [slot, decided])).toEqual([
      [2, value(2)],
      [3, value(3)],
    ]);
  });
});

describe("rule 9: recalls", () => {
  const asks = (bench: LeaderBench, from: number, replica: string) =>
    messagesOf(bench.fromReplica({ kind: "question", from, through: from + 2 }, replica), "p1a");

  function withOldSlots() {
    const made = leading();
    for (let number = 1; number <= 8; number++) made.bench.decide(made.bench.propose(value(number)));
    return made;
  }

  it("nobody waits for what another asked, and each part is told before the rest has come", () => {
    const { bench, ballot: own } = withOldSlots();
    const first = asks(bench, 1, "r1");
    expect(asks(bench, 1, "r1")).toEqual([]);
    expect(asks(bench, 3, "r2").map(({ from }) => from)).toEqual([3, 3, 3]);
    const page = [{ ballot: own, slot: 1, value: value(1) }];
    const told = ["a1", "a2"].flatMap((id) =>
      bench.fromAcceptor(promise(first[0] as P1a, id, page, { next: 2 })),
    );
    expect(messagesOf(told, "decision").map(({ slot }) => slot)).toEqual([1]);
  });

  it("it ends below slot_out: what acceptors tell of a slot that need not be decided is nobody's to hear", () => {
    const accepted = [1, 2, 3, 4].map((slot) => ({ ballot: ballot(1, "l0"), slot, value: value(slot) }));
    const { bench } = leading([accepted, []]);
    bench.attach("r2", 4);
    const [p1a] = asks(bench, 2, "r1");
    const told = ["a1", "a2"].flatMap((id) => bench.fromAcceptor(promise(p1a as P1a, id, accepted)));
    expect(messagesOf(told, "decision").map(({ slot }) => slot)).toEqual([2, 3]);
  });

  it("one that gets no answer for the time of a scout is given up", () => {
    const { bench } = withOldSlots();
    expect(asks(bench, 1, "r1")).toHaveLength(3);
    bench.tickHeard(limits.scoutTicks);
    expect(asks(bench, 2, "r1").map(({ from }) => from)).toEqual([2, 2, 2]);
    bench.tickHeard(limits.scoutTicks); // Pages may come slowly, so the next attempt has twice the time.
    expect(asks(bench, 3, "r1")).toEqual([]);
    bench.tickHeard(limits.scoutTicks);
    expect(asks(bench, 3, "r1").map(({ from }) => from)).toEqual([3, 3, 3]);
  });
});

describe("rule 10: slots", () => {
  it("a proposal gets the lowest free slot, whatever slot_out its replica names", () => {
    const { bench } = leading();
    const slots = [value(1), value(2), value(3)].flatMap((proposed) =>
      proposals(bench.propose(proposed, 77)).map(({ slot }) => slot),
    );
    expect(slots).toEqual([1, 2, 3]);
  });

  it("no slot at or above slot_out + WINDOW is used", () => {
    const { bench } = leading();
    const outputs = [1, 2, 3, 4, 5].flatMap((number) => bench.propose(value(number)));
    expect(proposals(outputs).map(({ slot }) => slot)).toEqual([1, 2, 3, 4]);
    expect(bench.leader.status()).toMatchObject({ commanders: genesis.window, queued: 1 });
    expect(proposals(bench.decide(outputs)).map(({ slot }) => slot)).toEqual([5]);
  });

  it("no further slot is used because a replica asks for one", () => {
    const { bench } = leading();
    const slots = proposals(bench.fromReplica({ kind: "question", from: 1, through: 4 }));
    for (let number = 1; number <= 3; number++) slots.push(...proposals(bench.propose(value(number))));
    expect(slots.map(({ slot }) => slot)).toEqual([1, 2, 3, 4]);
  });

  it("one id never gets two slots", () => {
    const { bench } = leading();
    const outputs = [value(1), value(1), value(2), value(1)].flatMap((proposed) => bench.propose(proposed));
    expect(proposals(outputs).map(({ slot }) => slot)).toEqual([1, 2]);
  });

  it("an id that was found in two slots is under way until both are settled", () => {
    const found = [1, 2].map((slot) => ({ ballot: ballot(1, "l0"), slot, value: value(7) }));
    const { bench, outputs } = leading([found, []]);
    bench.attach("r2");
    const configurations = [{ from: 1, configuration: genesis.configuration }];
    bench.fromReplica({ kind: "replica-status", slotOut: 2, trimmedBelow: 1, configurations }, "r2");
    const repeated = bench.propose(value(7));
    expect(proposals([...outputs, ...repeated]).map(({ slot }) => slot)).toEqual([1, 2]);
  });

  it("an id that was found in phase 1 and waits for the window is not given another slot", () => {
    const found = [1, 2, 3, 4, 5, 6].map((slot) => ({ ballot: ballot(1, "l0"), slot, value: value(slot) }));
    const { bench, outputs } = leading([found, []]);
    const repeated = bench.propose(value(6));
    const rest = bench.decide([...outputs, ...repeated]);
    const all = [...proposals([...outputs, ...repeated, ...rest, ...bench.decide(rest)])];
    expect(all.map(({ slot }) => slot)).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

describe("rule 15, the leader's part", () => {
  it("a question for an undecided slot is answered by deciding no-ops in every free slot up to it", () => {
    const { bench } = leading();
    const outputs = bench.fromReplica({ kind: "question", from: 1, through: 3 });
    expect(proposals(outputs).map(({ slot, value: proposed }) => [slot, proposed])).toEqual([
      [1, noOperation],
      [2, noOperation],
      [3, noOperation],
    ]);
  });

  it("a passive leader passes on a question that it cannot answer, and its answer", () => {
    const { bench } = leading();
    const pvalue = only(proposals(bench.propose(value(1))));
    bench.fromAcceptor(vote(pvalue, "a1", { promised: ballot(3, "l2") }));
    expect(receivers(bench.fromReplica({ kind: "question", from: 1, through: 1 }), "question")).toEqual([
      "l2",
    ]);
    const told = bench.step({
      kind: "message",
      from: leaderPeer("l2"),
      message: { kind: "decision", slot: 1, value: value(4) },
    });
    expect(receivers(told, "decision")).toEqual(["r1"]);
  });
});
