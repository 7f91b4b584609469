// PMMC 2.2, figure 7 (leader), 3 (no-ops, leases of leadership), 4.2; rules 7 to 11 of docs/protocol.md.
import type { P1a } from "@synod/core";
import { describe, expect, it } from "vitest";
import {
  acceptorPeer,
  ballot,
  genesis,
  LeaderBench,
  leaderPeer,
  limits,
  messagesOf,
  noOperation,
  only,
  promise,
  receivers,
  replicaPeer,
  value,
  vote,
} from "./kit.js";

function leading(accepted?: Parameters<LeaderBench["lead"]>[0]) {
  const bench = new LeaderBench();
  bench.connectAcceptors();
  bench.attach();
  return { bench, ...bench.lead(accepted) };
}

const proposals = (outputs: Parameters<typeof messagesOf>[0]) => [
  ...new Map(messagesOf(outputs, "p2a").map(({ pvalue }) => [pvalue.slot, pvalue])).values(),
];

describe("ballots of a leader", () => {
  it("carry the incarnation drawn at start, and a round above every one heard of", () => {
    const { ballot: own } = leading();
    expect(own).toEqual({ round: 1, leader: "l1", incarnation: 7 });
    const bench = new LeaderBench("l1", 8);
    bench.attach();
    expect(bench.lead().ballot).toEqual({ round: 1, leader: "l1", incarnation: 8 });
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
    bench.lead();
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
    const { bench } = leading();
    bench.attach("r2", 4);
    const [p1a] = asks(bench, 2, "r1");
    const accepted = [2, 3, 4].map((slot) => ({ ballot: ballot(1, "l0"), slot, value: value(slot) }));
    const told = ["a1", "a2"].flatMap((id) => bench.fromAcceptor(promise(p1a as P1a, id, accepted)));
    expect(messagesOf(told, "decision").map(({ slot }) => slot)).toEqual([2, 3]);
  });

  it("one that gets no answer for the time of a scout is given up", () => {
    const { bench } = withOldSlots();
    expect(asks(bench, 1, "r1")).toHaveLength(3);
    for (let tick = 0; tick < limits.scoutTicks; tick++) {
      for (const beat of messagesOf(bench.tick(), "heartbeat")) {
        for (const acceptor of ["a1", "a2"]) {
          const ack = {
            kind: "heartbeat-ack",
            acceptor,
            store: `store-${acceptor}`,
            trimmedBelow: 1,
          } as const;
          bench.fromAcceptor({ ...beat, ...ack, promised: beat.ballot });
        }
      }
    }
    expect(asks(bench, 2, "r1").map(({ from }) => from)).toEqual([2, 2, 2]);
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

  it("an id that was found in phase 1 and waits for the window is not given another slot", () => {
    const found = [1, 2, 3, 4, 5, 6].map((slot) => ({ ballot: ballot(1, "l0"), slot, value: value(slot) }));
    const { bench, outputs } = leading([found, []]);
    const repeated = bench.propose(value(6));
    const rest = bench.decide([...outputs, ...repeated]);
    const all = [...proposals([...outputs, ...repeated, ...rest, ...bench.decide(rest)])];
    expect(all.map(({ slot }) => slot)).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

describe("rule 11: who leads", () => {
  const pong = { kind: "pong", number: 1, leading: true, ballot: ballot(3, "l2"), slotOut: 1 } as const;

  /** A leader that was preempted by l2's ballot of round 3. */
  function preempted() {
    const made = leading();
    const pvalue = only(proposals(made.bench.propose(value(1))));
    made.bench.fromAcceptor(vote(pvalue, "a1", { promised: ballot(3, "l2") }));
    return made.bench;
  }

  it("nobody leads without a replica attached", () => {
    const bench = new LeaderBench();
    expect(messagesOf(bench.tick(100), "pre-vote")).toEqual([]);
  });

  it("a leader that watches nobody asks for pre-votes, and scouts when a majority would promise and hears nobody", () => {
    const bench = new LeaderBench();
    bench.attach();
    expect(bench.stand().p1a).toHaveLength(3);
  });

  it("while a majority still hears the present leader it does not scout", () => {
    const bench = new LeaderBench();
    bench.attach();
    expect(bench.stand(true).p1a).toEqual([]);
  });

  it("a preempted leader goes passive and watches the preemptor; it does not scout at once", () => {
    const bench = preempted();
    expect(bench.leader.status()).toMatchObject({ phase: "passive", ballot: ballot(3, "l2") });
    let outputs: ReturnType<LeaderBench["tick"]> = [];
    for (let tick = 0; tick < 100; tick++) {
      outputs = [...outputs, ...bench.tick()];
      bench.step({ kind: "message", from: leaderPeer("l2"), message: pong });
    }
    expect(messagesOf(outputs, "pre-vote")).toEqual([]);
    expect(messagesOf(outputs, "ping").length).toBeGreaterThan(10);
  });

  it("it stands when the preemptor falls silent for the suspicion time", () => {
    const bench = preempted();
    expect(messagesOf(bench.tick(limits.suspectAfterTicks), "pre-vote")).toEqual([]);
    expect(messagesOf(bench.tick(limits.suspectAfterTicks), "pre-vote").length).toBeGreaterThan(0);
  });

  it("it stands at once when the connection to the preemptor is refused or reset", () => {
    const bench = preempted();
    bench.step({ kind: "disconnected", peer: leaderPeer("l2") });
    expect(messagesOf(bench.tick(limits.maxDelayTicks), "pre-vote").length).toBeGreaterThan(0);
  });

  it("a leader without answers from a majority for one suspicion time stops its heartbeats and goes passive", () => {
    const { bench } = leading();
    const silent = bench.tick(2 * limits.suspectAfterTicks);
    expect(bench.leader.status().phase).toBe("passive");
    expect(messagesOf(silent, "heartbeat").length).toBeGreaterThan(0);
    expect(messagesOf(bench.tick(limits.heartbeatTicks * 2), "heartbeat")).toEqual([]);
    expect(bench.leader.status().unreachable).toEqual(["a1", "a2", "a3"]);
  });

  it("a leader that a majority answers stays active", () => {
    const { bench } = leading();
    for (let tick = 0; tick < 5 * limits.suspectAfterTicks; tick++) {
      for (const beat of messagesOf(bench.tick(), "heartbeat")) {
        for (const acceptor of ["a1", "a2"]) {
          bench.fromAcceptor({
            ...beat,
            kind: "heartbeat-ack",
            trimmedBelow: 1,
            acceptor,
            store: `store-${acceptor}`,
            promised: beat.ballot,
          });
        }
      }
    }
    expect(bench.leader.status()).toMatchObject({ phase: "active", unreachable: ["a3"] });
  });

  it("a passive leader that asked in vain owes nothing once the acceptors are there", () => {
    const bench = new LeaderBench();
    bench.attach();
    for (let tick = 0; tick < 20; tick++) bench.tick();
    bench.step({ kind: "disconnected", peer: replicaPeer("r1") });
    bench.tick(limits.suspectAfterTicks);
    expect(bench.leader.status().unreachable).toEqual(["a1", "a2", "a3"]);
    bench.connectAcceptors();
    expect(bench.leader.status()).toMatchObject({ phase: "passive", unreachable: [] });
  });

  it("a preempted leader forgets what acceptors owe it: it asks them nothing more", () => {
    const { bench } = leading();
    const pvalue = only(proposals(bench.propose(value(1))));
    bench.tick(3 * limits.heartbeatTicks);
    expect(bench.leader.status().unreachable).toEqual(["a1", "a2", "a3"]);
    bench.fromAcceptor(vote(pvalue, "a1", { promised: ballot(3, "l2") }));
    expect(bench.leader.status()).toMatchObject({ phase: "passive", unreachable: [] });
  });

  it("a leader without a replica goes passive", () => {
    const { bench } = leading();
    bench.step({ kind: "disconnected", peer: replicaPeer("r1") });
    for (let tick = 0; tick <= limits.suspectAfterTicks; tick++) {
      for (const beat of messagesOf(bench.tick(), "heartbeat")) {
        for (const acceptor of ["a1", "a2"]) {
          bench.fromAcceptor({
            ...beat,
            kind: "heartbeat-ack",
            trimmedBelow: 1,
            acceptor,
            store: `store-${acceptor}`,
            promised: beat.ballot,
          });
        }
      }
    }
    expect(bench.leader.status().phase).toBe("passive");
  });

  it("a passive leader passes proposals on, once, to the leader it watches", () => {
    const bench = preempted();
    const passed = bench.propose(value(2));
    expect(receivers(passed, "propose")).toEqual(["l2"]);
    expect(only(messagesOf(passed, "propose")).forwarded).toBe(true);
    expect(
      messagesOf(
        bench.fromReplica({ kind: "propose", slot: 1, value: value(3), forwarded: true }),
        "propose",
      ),
    ).toEqual([]);
  });

  it("a proposal repeated while the watched leader's slot_out stands still outweighs that it is still heard", () => {
    const bench = preempted();
    bench.propose(value(2));
    let preVotes = 0;
    for (let tick = 0; tick < 4 * limits.suspectAfterTicks && preVotes === 0; tick++) {
      preVotes += messagesOf(bench.tick(), "pre-vote").length;
      bench.step({ kind: "message", from: leaderPeer("l2"), message: pong });
      if (tick === limits.reproposeTicks) bench.propose(value(2));
    }
    expect(preVotes).toBeGreaterThan(0);
    const outputs = ["a1", "a2"].flatMap((acceptor) =>
      bench.fromAcceptor({
        kind: "pre-vote-answer",
        acceptor,
        store: `store-${acceptor}`,
        asked: { round: 4, leader: "l1", incarnation: 0 },
        configuration: 1,
        promised: ballot(3, "l2"),
        hears: true,
      }),
    );
    expect(messagesOf(outputs, "p1a")).toHaveLength(3);
  });

  /** Ticks while the watched leader answers pings and its slot_out stands still. @returns how often it stood */
  function standsStill(bench: LeaderBench, ticks: number, each: (tick: number) => void = () => {}): number {
    let preVotes = 0;
    for (let tick = 0; tick < ticks; tick++) {
      preVotes += messagesOf(bench.tick(), "pre-vote").length;
      bench.step({ kind: "message", from: leaderPeer("l2"), message: pong });
      each(tick);
    }
    return preVotes;
  }

  it("a question repeated in vain counts like a proposal: what its replica proposed may be decided beyond the gap", () => {
    const bench = preempted();
    const asks = () => bench.fromReplica({ kind: "question", from: 1, through: 1 });
    const preVotes = standsStill(bench, 4 * limits.suspectAfterTicks, (tick) => {
      if (tick % limits.questionTicks === 0) asks();
    });
    expect(preVotes).toBeGreaterThan(0);
  });

  it("a replica whose slot_out moved is served, even if another replica told the same slot_out first", () => {
    const bench = preempted();
    const tells = (replica: string, slotOut: number) =>
      bench.fromReplica({ kind: "replica-status", slotOut, trimmedBelow: 1, configurations: [] }, replica);
    for (const replica of ["r1", "r2"]) tells(replica, 1);
    const repeats = () => {
      for (const replica of ["r1", "r2"]) bench.propose(value(2, replica));
    };
    repeats();
    bench.tick(limits.reproposeTicks);
    repeats();
    for (const replica of ["r1", "r2"]) tells(replica, 2);
    expect(standsStill(bench, 4 * limits.suspectAfterTicks)).toBe(0);
  });

  it("what a replica no longer repeats is forgotten", () => {
    const bench = preempted();
    for (let again = 0; again < 2; again++) {
      bench.propose(value(2));
      bench.tick(limits.reproposeTicks);
      bench.step({ kind: "message", from: leaderPeer("l2"), message: pong });
    }
    let slotOut = 1;
    const moves = () =>
      bench.step({ kind: "message", from: leaderPeer("l2"), message: { ...pong, slotOut: ++slotOut } });
    for (let tick = 0; tick < 5 * limits.reproposeTicks; tick++) {
      bench.tick();
      moves();
    }
    expect(standsStill(bench, 4 * limits.suspectAfterTicks)).toBe(0);
  });

  it("rule 5: a pre-vote from an unbound store does not count", () => {
    const bench = new LeaderBench();
    bench.attach();
    let asked = messagesOf(bench.tick(), "pre-vote");
    while (asked.length === 0) asked = messagesOf(bench.tick(), "pre-vote");
    const outputs = ["a1", "a2"].flatMap((acceptor) =>
      bench.fromAcceptor({
        kind: "pre-vote-answer",
        acceptor,
        store: acceptor === "a1" ? "store-a1" : "made-anew",
        asked: (asked[0] as never as { ballot: never }).ballot,
        configuration: 1,
        promised: ballot(0, "l0"),
        hears: false,
      }),
    );
    expect(messagesOf(outputs, "p1a")).toEqual([]);
  });

  it("delays between attempts grow to a cap", () => {
    const bench = new LeaderBench();
    bench.attach();
    const attempts: number[] = [];
    for (let tick = 0; tick < 600; tick++)
      if (messagesOf(bench.tick(), "pre-vote").length > 0) attempts.push(tick);
    const gaps = attempts.slice(1).map((tick, index) => tick - (attempts[index] as number));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(limits.resendTicks + limits.maxDelayTicks + 1);
    expect(gaps.length).toBeGreaterThan(10);
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
