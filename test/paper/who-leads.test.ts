// PMMC 3 (who leads); rule 11 of docs/protocol.md.
import type { P1a } from "@synod/core";
import { describe, expect, it } from "vitest";
import {
  ballot,
  LeaderBench,
  leaderPeer,
  leading,
  limits,
  messagesOf,
  only,
  promise,
  proposals,
  receivers,
  replicaPeer,
  value,
  vote,
} from "./kit.js";

describe("rule 11: who leads", () => {
  const pong = { kind: "pong", number: 1, leading: true, ballot: ballot(3, "l2"), slotOut: 1 } as const;

  /** A leader that was preempted by l2's ballot of round 3. */
  function preempted() {
    const made = leading();
    const pvalue = only(proposals(made.bench.propose(value(1))));
    made.bench.fromAcceptor(vote(pvalue, "a1", { promised: ballot(3, "l2") }));
    return made.bench;
  }

  /** Ticks while a1 and a2, a majority, answer every heartbeat. */
  function tickHeard(bench: LeaderBench, ticks: number): void {
    for (let tick = 0; tick < ticks; tick++) {
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

  it("a leader is preempted by whatever answer tells of a higher ballot: in phase 1, to a P2a, or to a heartbeat", () => {
    const promised = ballot(3, "l2");
    const scouting = new LeaderBench();
    scouting.attach();
    const p1a = scouting.stand().p1a[0] as P1a;
    scouting.fromAcceptor(promise(p1a, "a1", [], { promised }));
    const late = ["a2", "a3"].flatMap((acceptor) => scouting.fromAcceptor(promise(p1a, acceptor)));
    expect(messagesOf(late, "p2a")).toEqual([]);
    const { bench: active, ballot: own } = leading();
    const ack = { kind: "heartbeat-ack", ballot: own, beat: 1, trimmedBelow: 1 } as const;
    active.fromAcceptor({ ...ack, acceptor: "a1", store: "store-a1", promised });
    for (const bench of [scouting, preempted(), active])
      expect(bench.leader.status()).toMatchObject({ phase: "passive", ballot: promised });
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
    tickHeard(bench, 5 * limits.suspectAfterTicks);
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
    tickHeard(bench, limits.suspectAfterTicks + 1);
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

  it("a proposal repeated while the watched leader is heard and decides deposes nobody", () => {
    const bench = preempted();
    let slotOut = 1;
    const preVotes = standsStill(bench, 4 * limits.suspectAfterTicks, (tick) => {
      if (tick % limits.reproposeTicks === 0) bench.propose(value(2));
      bench.step({ kind: "message", from: leaderPeer("l2"), message: { ...pong, slotOut: ++slotOut } });
    });
    expect(preVotes).toBe(0);
  });

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

  it("a replica that ticks ten times more slowly starves too", () => {
    const bench = preempted();
    const preVotes = standsStill(bench, 40 * limits.reproposeTicks, (tick) => {
      if (tick % (10 * limits.reproposeTicks) === 0) bench.propose(value(2));
    });
    expect(preVotes).toBeGreaterThan(0);
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
    for (let tick = 0; tick < 17 * limits.reproposeTicks; tick++) {
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

  it("delays between attempts grow to a cap, and start anew once something is decided", () => {
    const bench = new LeaderBench("l1", 7, {}, 0.999);
    bench.attach();
    let tick = 0;
    const nextAttempt = () => {
      for (const began = tick; tick < began + 100; ) {
        tick++;
        if (messagesOf(bench.tick(), "pre-vote").length > 0) return tick;
      }
      throw new Error(`no attempt up to tick ${tick}`);
    };
    const gaps = (count: number) => {
      const attempts = Array.from({ length: count + 1 }, nextAttempt);
      return attempts.slice(1).map((at, index) => at - (attempts[index] as number));
    };
    // Each asks in vain for so long, and then waits for as long as is drawn.
    const { resendTicks, delayTicks, maxDelayTicks } = limits;
    expect([delayTicks, maxDelayTicks]).toEqual([1, 8]);
    expect(gaps(6).map((gap) => gap - resendTicks)).toEqual([2, 4, 8, 8, 8, 8]);
    bench.fromReplica({ kind: "replica-status", slotOut: 5, trimmedBelow: 1, configurations: [] });
    expect(gaps(4).map((gap) => gap - resendTicks)).toEqual([2, 4, 8, 8]);
  });
});
