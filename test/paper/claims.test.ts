import type { Configuration, P1a, PValue } from "@synod/core";
import { describe, expect, it } from "vitest";
import {
  ballot,
  genesis,
  LeaderBench,
  limits,
  messagesOf,
  promise,
  proposals,
  replicaPeer,
  storeOf,
  value,
} from "./kit.js";

// Rule 28: what a replica claims to be decided, a majority of the acceptors has accepted or trimmed, and phase 1 finds it
// (PMMC 2.2). A claim that it does not find was false, or the acceptors forgot.

const held = (...slots: number[]): PValue[] =>
  slots.map((slot) => ({ ballot: ballot(1, "l0"), slot, value: value(slot) }));
const status = (slotOut: number, trimmedBelow = 1) =>
  ({ kind: "replica-status", slotOut, trimmedBelow, configurations: [] }) as const;

function standing(...claims: number[]): LeaderBench {
  const bench = new LeaderBench();
  bench.connectAcceptors();
  for (const [index, slotOut] of claims.entries()) bench.attach(`r${index + 1}`, slotOut);
  return bench;
}

describe("a leader that was told a slot_out before phase 1", () => {
  it("asks for the slot before it as well, and leads when one acceptor holds it", () => {
    const bench = standing(40);
    const { p1a } = bench.stand();
    expect(p1a.map(({ from }) => from)).toEqual([39, 39, 39]);
    for (const [id, accepted] of [
      ["a1", []],
      ["a2", held(39)],
    ] as const)
      bench.fromAcceptor(promise(p1a[0] as never, id, accepted));
    expect(bench.leader.status()).toMatchObject({ phase: "active", slotOut: 40, contradicted: [] });
    expect(bench.leader.slotOut).toBe(40);
  });

  it("leads when an acceptor has trimmed it", () => {
    const bench = standing(40);
    const { p1a } = bench.stand();
    bench.fromAcceptor(promise(p1a[0] as never, "a1", [], { trim: { below: 40, configurations: [] } }));
    bench.fromAcceptor(promise(p1a[0] as never, "a2"));
    expect(bench.leader.status()).toMatchObject({ phase: "active", slotOut: 40 });
  });

  it("does not lead when a majority knows neither, and says who told it what", () => {
    const bench = standing(3, 455);
    bench.lead([held(1, 2, 3), held(1, 2, 3)]);
    expect(bench.leader.status()).toMatchObject({
      phase: "passive",
      contradicted: [{ peer: replicaPeer("r2"), slotOut: 455 }],
    });
    expect(messagesOf(bench.propose(value(9)), "p2a")).toEqual([]);
    // Nobody hears of the false slot_out from it.
    expect(bench.leader.slotOut).toBe(1);
    for (const told of messagesOf(bench.tick(limits.heartbeatTicks), "leader-status"))
      expect(told.slotOut).toBe(1);
  });

  it("leads from what is true once whoever claimed it is gone", () => {
    const bench = standing(3, 455);
    bench.lead();
    bench.step({ kind: "disconnected", peer: replicaPeer("r2") });
    expect(bench.leader.status()).toMatchObject({ slotOut: 3, contradicted: [] });
    const { outputs } = bench.lead([held(2), []]);
    expect(bench.leader.status()).toMatchObject({ phase: "active", slotOut: 3 });
    expect(proposals(outputs)).toEqual([]);
    expect(proposals(bench.propose(value(9))).map(({ slot }) => slot)).toEqual([3]);
  });
});

describe("a leader that was told the first slot of another configuration", () => {
  const second: Configuration = {
    ...genesis.configuration,
    number: 2,
    predecessor: 1,
    acceptors: ["a3", "a4", "a5"].map((id) => ({ id, address: `${id}:1`, store: storeOf(id) })),
  };
  const configurations = [{ from: 40, configuration: second }];

  /** @returns the P1a that it sends once the acceptors of the second configuration would elect it */
  function asks(bench: LeaderBench): P1a {
    bench.step({ kind: "connected", peer: replicaPeer(), slotOut: 40, configurations });
    let asked = messagesOf(bench.tick(), "pre-vote");
    for (let tick = 0; asked.length === 0 && tick < 200; tick++) asked = messagesOf(bench.tick(), "pre-vote");
    const { ballot: wanted, configuration } = asked[0] as (typeof asked)[number];
    const outputs = ["a4", "a5"].flatMap((acceptor) =>
      bench.fromAcceptor({
        ...{ kind: "pre-vote-answer", acceptor, store: storeOf(acceptor), asked: wanted, configuration },
        ...{ promised: ballot(0, "l0"), hears: false },
      }),
    );
    return messagesOf(outputs, "p1a")[0] as P1a;
  }

  // The acceptors of the slots before, who could judge, may be gone for good (rule 24): nothing may wait for them.
  it("takes it as it is when it leads, and no earlier: it says so, and passes on what is trimmed below", () => {
    const bench = new LeaderBench();
    const p1a = asks(bench);
    expect(p1a).toMatchObject({ configuration: 2, from: 40 });
    expect(bench.leader.slotOut).toBe(1);
    bench.fromAcceptor(promise(p1a, "a4"));
    expect(bench.leader.slotOut).toBe(1);
    bench.fromAcceptor(promise(p1a, "a5"));
    expect(bench.leader.status()).toMatchObject({ phase: "active", slotOut: 40, contradicted: [] });
    expect(bench.leader.slotOut).toBe(40);
    bench.fromReplica({ ...status(40, 30), configurations });
    const beat = messagesOf(bench.tick(limits.heartbeatTicks), "heartbeat")[0];
    const told = bench.fromAcceptor({
      ...{ kind: "heartbeat-ack", acceptor: "a4", store: storeOf("a4"), beat: beat?.beat, trimmedBelow: 1 },
      ...{ ballot: p1a.ballot, promised: p1a.ballot },
    } as never);
    expect(messagesOf(told, "trim")).toMatchObject([{ trim: { below: 30 } }]);
  });

  it("leads on from there when another one leads in between", () => {
    const bench = new LeaderBench();
    const p1a = asks(bench);
    for (const id of ["a4", "a5"]) bench.fromAcceptor(promise(p1a, id));
    bench.step({ kind: "disconnected", peer: replicaPeer() });
    bench.fromAcceptor(promise(p1a, "a4", [], { promised: ballot(9, "l2") }));
    expect([bench.leader.status().phase, bench.leader.status().slotOut]).toEqual(["passive", 40]);
  });
});

describe("a leader that is told a slot_out while it leads", () => {
  function active(): LeaderBench {
    const bench = standing(1, 1);
    bench.lead([held(1, 2), held(1, 2)]);
    return bench;
  }

  it("jumps over what it found or proposed: a decision that it missed", () => {
    const bench = active();
    bench.propose(value(3));
    bench.fromReplica(status(4));
    expect(bench.leader.status()).toMatchObject({ slotOut: 4, contradicted: [] });
  });

  it("does not jump over what it neither found nor proposed, and goes on", () => {
    const bench = active();
    bench.fromReplica(status(455), "r2");
    expect(bench.leader.status().slotOut).toBe(1);
    bench.decide(bench.propose(value(3)));
    expect(proposals(bench.propose(value(4))).map(({ slot }) => slot)).toEqual([4]);
  });

  it("names whoever goes on claiming so, and no longer when it takes it back", () => {
    const bench = active();
    bench.fromReplica(status(455), "r2");
    expect(bench.leader.status().contradicted).toEqual([]);
    for (let tick = 0; tick < limits.suspectAfterTicks; tick++) {
      for (const { beat, ballot: own } of messagesOf(bench.tick(), "heartbeat").slice(0, 1))
        for (const acceptor of ["a1", "a2"])
          bench.fromAcceptor({
            ...{ kind: "heartbeat-ack", acceptor, store: `store-${acceptor}`, beat, trimmedBelow: 1 },
            ...{ ballot: own, promised: own },
          } as never);
    }
    bench.fromReplica(status(460), "r2");
    expect(bench.leader.status()).toMatchObject({
      phase: "active",
      contradicted: [{ peer: replicaPeer("r2"), slotOut: 460 }],
    });
    bench.fromReplica(status(1), "r2");
    expect(bench.leader.status().contradicted).toEqual([]);
  });
});
