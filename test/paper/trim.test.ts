import {
  type FromAcceptor,
  noBallot,
  type RulingConfiguration,
  type TrimRecord,
  type Value,
} from "@synod/core";
import { describe, expect, it } from "vitest";
import {
  AcceptorBench,
  acceptorIds,
  appliedSlots,
  ballot,
  genesis,
  LeaderBench,
  leaderPeer,
  limits,
  messagesOf,
  only,
  promise,
  ReplicaBench,
  receivers,
  storeOf,
  value,
} from "./kit.js";

// PMMC 4.1: state that enough replicas have on disk need not be kept by acceptors and leaders. PMMC 4.2: a replica that
// needs it all the same is brought up by another one.

const configurations: readonly RulingConfiguration[] = [{ from: 1, configuration: genesis.configuration }];

function trim(below: number): TrimRecord {
  return { below, configurations };
}

describe("rule 18: an acceptor that is told of a trim point", () => {
  it("writes the record, forgets the slots below, and says so from then on", () => {
    const bench = new AcceptorBench();
    for (const slot of [1, 2, 3]) bench.p2a({ ballot: ballot(1), slot, value: value(slot) });
    const outputs = bench.step({ kind: "trim", trim: trim(3) });
    expect(outputs).toEqual([{ kind: "persist", record: { kind: "trim", trim: trim(3) } }]);
    expect(bench.p1a(ballot(1)).accepted.map(({ slot }) => slot)).toEqual([3]);
    expect(bench.p1a(ballot(1)).trim).toEqual(trim(3));
    const [ack] = messagesOf(bench.step({ kind: "heartbeat", ballot: ballot(1), beat: 1 }), "heartbeat-ack");
    expect(ack?.trimmedBelow).toBe(3);
    bench.crashAndRestart();
    expect(bench.p1a(ballot(1)).trim).toEqual(trim(3));
    expect(bench.acceptor.status().trimmedBelow).toBe(3);
  });

  it("takes it from any leader at any ballot, but never goes back", () => {
    const bench = new AcceptorBench();
    bench.p1a(ballot(9, "l2"));
    bench.step({ kind: "trim", trim: trim(5) }, leaderPeer("l1"));
    expect(bench.step({ kind: "trim", trim: trim(4) })).toEqual([]);
    expect(bench.step({ kind: "trim", trim: trim(5) })).toEqual([]);
    expect(bench.acceptor.status()).toMatchObject({ trimmedBelow: 5, promised: ballot(9, "l2") });
  });

  it("keeps what it promised", () => {
    const bench = new AcceptorBench();
    bench.p2a({ ballot: ballot(4), slot: 1, value: value(1) });
    bench.step({ kind: "trim", trim: trim(2) });
    bench.crashAndRestart();
    expect(bench.p1a(ballot(2)).promised).toEqual(ballot(4));
  });
});

describe("rule 18: a leader that is told of a trim point", () => {
  const ack = (acceptor: string, trimmedBelow: number): FromAcceptor => ({
    kind: "heartbeat-ack",
    acceptor,
    store: storeOf(acceptor),
    ballot: noBallot,
    beat: 1,
    promised: noBallot,
    trimmedBelow,
  });
  const status = (trimmedBelow: number, slotOut = trimmedBelow) =>
    ({ kind: "replica-status", slotOut, trimmedBelow, configurations }) as const;

  /** A leader whose acceptors hold what somebody decided up to a slot, and who decides it again as far as is asked. */
  function leading(held = 8, decided = 0): LeaderBench {
    const bench = new LeaderBench();
    bench.attach();
    bench.connectAcceptors();
    const slots = Array.from({ length: held }, (_, index) => index + 1);
    const { outputs } = bench.lead([
      slots.map((slot) => ({ ballot: ballot(1, "l0"), slot, value: value(slot) })),
      [],
    ]);
    const p2as = outputs.filter(
      (output) =>
        output.kind === "send" && output.message.kind === "p2a" && output.message.pvalue.slot <= decided,
    );
    bench.decide(p2as);
    return bench;
  }

  it("passes it on to every acceptor that has not trimmed so far, again until it has", () => {
    const bench = leading();
    expect(messagesOf(bench.fromAcceptor(ack("a1", 1)), "trim")).toEqual([]);
    bench.fromReplica(status(5));
    for (const id of acceptorIds) {
      const told = bench.fromAcceptor(ack(id, 1));
      expect(receivers(told, "trim")).toEqual([id]);
      expect(only(messagesOf(told, "trim")).trim).toEqual(trim(5));
    }
    expect(messagesOf(bench.fromAcceptor(ack("a1", 4)), "trim")).toHaveLength(1);
    expect(messagesOf(bench.fromAcceptor(ack("a1", 5)), "trim")).toEqual([]);
  });

  it("takes everything below as decided, and proposes nothing there", () => {
    const bench = leading(4);
    bench.fromReplica(status(5));
    expect(bench.leader.status().slotOut).toBe(5);
    expect(messagesOf(bench.propose(value(1)), "p2a").map(({ pvalue }) => pvalue.slot)).toEqual([5, 5, 5]);
  });

  it("does not go back to an older one", () => {
    const bench = leading();
    bench.fromReplica(status(5));
    bench.fromReplica(status(3), "r2");
    expect(only(messagesOf(bench.fromAcceptor(ack("a1", 1)), "trim")).trim.below).toBe(5);
  });

  it("answers a question below it with the trim record, unless it still has the decision (rule 9)", () => {
    const bench = leading(8, 2);
    bench.fromReplica(status(9), "r2");
    const kept = bench.fromReplica({ kind: "question", from: 2, through: 4 });
    expect(messagesOf(kept, "decision").map(({ slot }) => slot)).toEqual([2]);
    expect(only(messagesOf(kept, "trimmed")).trim).toEqual(trim(9));
    expect(messagesOf(kept, "p1a")).toEqual([]);
  });

  it("passive, it passes on what the leader it asked says, and answers so from then on", () => {
    const bench = new LeaderBench();
    bench.attach();
    const message = { kind: "trimmed", trim: trim(20) } as const;
    const told = bench.step({ kind: "message", from: leaderPeer("l2"), message });
    expect(receivers(told, "trimmed")).toEqual(["r1"]);
    expect(bench.leader.status().slotOut).toBe(20);
    const outputs = bench.fromReplica({ kind: "question", from: 2, through: 4 });
    expect(receivers(outputs, "trimmed")).toEqual(["r1"]);
  });

  it("passes nothing on before it is certain itself that all below is decided (rule 28)", () => {
    const bench = leading(4);
    bench.fromReplica(status(400), "r2");
    expect(messagesOf(bench.fromAcceptor(ack("a1", 1)), "trim")).toEqual([]);
    const passive = new LeaderBench();
    passive.attach();
    passive.fromReplica(status(400), "r2");
    expect(messagesOf(passive.fromAcceptor(ack("a1", 1)), "trim")).toEqual([]);
    expect(messagesOf(passive.fromReplica({ kind: "question", from: 2, through: 4 }), "trimmed")).toEqual([]);
  });

  it("tells nothing that acceptors say of a trimmed slot: who knew the decision may have forgotten it", () => {
    const bench = leading(0);
    // Decided, and let go of: only the acceptors know.
    for (let number = 1; number <= 8; number++) bench.decide(bench.propose(value(number)));
    const asked = messagesOf(bench.fromReplica({ kind: "question", from: 1, through: 1 }), "p1a");
    const [p1a] = asked;
    if (!p1a) throw new Error("nothing was recalled");
    // a3 was not among those that accepted the decision; it holds an older leader's pvalue.
    const stale = { ballot: ballot(0, "l2"), slot: 1, value: value(99) };
    expect(messagesOf(bench.fromAcceptor(promise(p1a, "a3", [stale])), "decision")).toEqual([]);
    const outputs = bench.fromAcceptor(promise(p1a, "a1", [], { trim: trim(3) }));
    expect(messagesOf(outputs, "decision")).toEqual([]);
    expect(receivers(outputs, "trimmed")).toEqual(["r1"]);
    expect(messagesOf(bench.fromAcceptor(promise(p1a, "a2", [])), "decision")).toEqual([]);
  });
});

describe("rules 18 and 19: a replica", () => {
  function attached(): ReplicaBench {
    const bench = new ReplicaBench();
    bench.connect("l1");
    bench.status("l1", true);
    return bench;
  }

  it("tells leaders at once when the trim point moves, and at every heartbeat", () => {
    const bench = attached();
    for (const slot of [1, 2, 3]) bench.decision(slot, value(slot, "r2"));
    const outputs = bench.replica.step({ kind: "trim-point", below: 3 });
    expect(only(messagesOf(outputs, "replica-status"))).toMatchObject({ slotOut: 4, trimmedBelow: 3 });
    const [beat] = messagesOf(bench.tick(limits.heartbeatTicks), "replica-status");
    expect(beat).toMatchObject({ trimmedBelow: 3 });
  });

  it("that hears of a trim point above its slot_out needs a snapshot, and tells nobody what it has not applied", () => {
    const bench = attached();
    const message = { kind: "trimmed", trim: trim(8) } as const;
    bench.replica.step({ kind: "message", from: leaderPeer(), message });
    expect(bench.replica.status()).toMatchObject({ slotOut: 1, trimmedBelow: 8, highestKnown: 7 });
    const [beat] = messagesOf(bench.tick(limits.heartbeatTicks), "replica-status");
    expect(beat).toMatchObject({ slotOut: 1, trimmedBelow: 1 });
  });

  it("goes on behind a snapshot: decisions it has follow at once, older ones are ignored", () => {
    const bench = attached();
    bench.decision(6, value(6, "r2"));
    bench.decision(3, value(3, "r2"));
    const outputs = bench.replica.step({ kind: "installed", slotOut: 6, configurations });
    expect(appliedSlots(outputs)).toEqual([6]);
    expect(only(messagesOf(outputs, "replica-status")).slotOut).toBe(7);
    expect(appliedSlots(bench.decision(2, value(2, "r2")))).toEqual([]);
    expect(appliedSlots(bench.decision(7, value(7, "r2")))).toEqual([7]);
  });

  it("knows the configurations that the snapshot brought", () => {
    const bench = attached();
    const second = { from: 5, configuration: { ...genesis.configuration, number: 2, predecessor: 1 } };
    const outputs = bench.replica.step({
      kind: "installed",
      slotOut: 6,
      configurations: [...configurations, second],
    });
    expect(only(messagesOf(outputs, "replica-status")).configurations).toEqual([...configurations, second]);
  });

  it("keeps proposing what was outstanding, until its id is decided, be it in a slot jumped over (rule 14)", () => {
    const bench = attached();
    const [proposed] = messagesOf(bench.request(1), "propose");
    const [second] = messagesOf(bench.request(2), "propose");
    if (!proposed || !second) throw new Error("nothing was proposed");
    bench.replica.step({ kind: "installed", slotOut: 20, configurations });
    expect(bench.replica.status().outstanding).toBe(2);
    // The one decided in a slot that it never applies is answered by other means, and once.
    const again = messagesOf(bench.tick(limits.reproposeTicks), "propose").map(({ value: each }) => each);
    expect(again).toEqual([proposed.value, second.value]);
    expect(bench.decision(4, proposed.value)).toContainEqual({ kind: "jumped-over", value: proposed.value });
    expect(bench.decision(4, proposed.value)).toEqual([]);
    expect(bench.replica.status().outstanding).toBe(1);
    expect(appliedSlots(bench.decision(20, second.value))).toEqual([20]);
    expect(bench.replica.status().outstanding).toBe(0);
  });

  it("what waited for its proposals to be decided goes on when they turn out to be decided in slots jumped over (rule 12)", () => {
    const bench = attached();
    const proposed = [1, 2, 3].flatMap((sequence) => messagesOf(bench.request(sequence), "propose"));
    expect(bench.replica.status()).toMatchObject({ outstanding: 2, queued: 1 });
    bench.replica.step({ kind: "installed", slotOut: 20, configurations });
    expect(messagesOf(bench.decision(4, proposed[0]?.value as Value), "propose")).not.toEqual([]);
    expect(bench.replica.status()).toMatchObject({ outstanding: 2, queued: 0 });
  });

  it("a decision that it had heard of already, and could not apply for want of an earlier one, settles its proposal", () => {
    const bench = attached();
    const { value: mine } = only(messagesOf(bench.request(1), "propose"));
    expect(appliedSlots(bench.decision(3, mine))).toEqual([]);
    const outputs = bench.replica.step({ kind: "installed", slotOut: 20, configurations });
    expect(outputs).toContainEqual({ kind: "jumped-over", value: mine });
    expect(bench.replica.status().outstanding).toBe(0);
  });

  it("that has got further by itself meanwhile stays where it is", () => {
    const bench = attached();
    for (const slot of [1, 2, 3]) bench.decision(slot, value(slot, "r2"));
    expect(bench.replica.step({ kind: "installed", slotOut: 4, configurations })).toEqual([]);
    expect(bench.replica.step({ kind: "installed", slotOut: 2, configurations })).toEqual([]);
    expect(bench.replica.status().slotOut).toBe(4);
  });
});
