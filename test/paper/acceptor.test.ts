// PMMC 2.2, figure 4 (acceptor), and 4.1 (keeping only the latest pvalue); rules 1 to 3 of docs/protocol.md.
import { compareBallots, noBallot } from "@synod/core";
import { describe, expect, it } from "vitest";
import { AcceptorBench, ballot, leaderPeer, messagesOf, only, value } from "./kit.js";

describe("rule 1: P1a", () => {
  it("a higher ballot is promised, and the promise is in the answer", () => {
    const bench = new AcceptorBench();
    expect(bench.p1a(ballot(2))).toMatchObject({
      promised: ballot(2),
      asked: ballot(2),
      acceptor: "a1",
      store: "store-a1",
    });
    expect(bench.acceptor.status().promised).toEqual(ballot(2));
  });

  it("a lower ballot is refused by showing the promise, which never goes back", () => {
    const bench = new AcceptorBench();
    bench.p1a(ballot(5, "l2"));
    expect(bench.p1a(ballot(4))).toMatchObject({ promised: ballot(5, "l2"), asked: ballot(4) });
    expect(bench.p1a(ballot(5, "l1"))).toMatchObject({ promised: ballot(5, "l2") });
  });

  it("the answer says what it answers: ballot asked, configuration, page and scout", () => {
    const bench = new AcceptorBench();
    const answer = only(
      messagesOf(bench.step({ kind: "p1a", ballot: ballot(1), configuration: 3, from: 9, scout: 4 }), "p1b"),
    );
    expect(answer).toMatchObject({ asked: ballot(1), configuration: 3, from: 9, scout: 4 });
  });

  it("pages cover every accepted pvalue from the slot asked on, without a gap", () => {
    const bench = new AcceptorBench();
    for (const slot of [1, 2, 3, 5, 8]) bench.p2a({ ballot: ballot(1), slot, value: value(slot) });
    const slots: number[] = [];
    let from = 2;
    while (from !== 0) {
      const page = bench.p1a(ballot(2), from);
      slots.push(...page.accepted.map((pvalue) => pvalue.slot));
      from = page.next;
    }
    expect(slots).toEqual([2, 3, 5, 8]);
  });
});

describe("rule 2: P2a", () => {
  it("the promised ballot is accepted, and the vote names the ballot asked and the promise", () => {
    const bench = new AcceptorBench();
    bench.p1a(ballot(1));
    expect(bench.p2a({ ballot: ballot(1), slot: 3, value: value(1) })).toMatchObject({
      asked: ballot(1),
      promised: ballot(1),
      slot: 3,
    });
  });

  it("a ballot above the promise is adopted in the same write (an acceptor may have missed the P1a)", () => {
    const bench = new AcceptorBench();
    bench.p1a(ballot(1));
    expect(bench.p2a({ ballot: ballot(3), slot: 1, value: value(1) })).toMatchObject({ promised: ballot(3) });
    bench.crashAndRestart();
    expect(bench.acceptor.status().promised).toEqual(ballot(3));
    expect(bench.p1a(ballot(2))).toMatchObject({ promised: ballot(3) });
  });

  it("a ballot below the promise is refused and stores nothing, and the refusal still names the ballot asked", () => {
    const bench = new AcceptorBench();
    bench.p1a(ballot(4));
    expect(bench.p2a({ ballot: ballot(3), slot: 1, value: value(1) })).toMatchObject({
      asked: ballot(3),
      promised: ballot(4),
    });
    expect(bench.p1a(ballot(4)).accepted).toEqual([]);
  });

  it("per slot only the pvalue with the highest ballot is kept (PMMC 4.1)", () => {
    const bench = new AcceptorBench();
    bench.p2a({ ballot: ballot(1), slot: 1, value: value(1) });
    bench.p2a({ ballot: ballot(2), slot: 1, value: value(2) });
    bench.p2a({ ballot: ballot(1), slot: 1, value: value(3) });
    expect(bench.p1a(ballot(2)).accepted).toEqual([{ ballot: ballot(2), slot: 1, value: value(2) }]);
  });

  it("a slot below the trim point is answered with the trim record, and stores nothing", () => {
    const bench = new AcceptorBench();
    bench.store.write({ kind: "trim", trim: { below: 10, configurations: [] } });
    bench.sync();
    bench.crashAndRestart();
    expect(bench.p2a({ ballot: ballot(1), slot: 9, value: value(1) }).trim).toEqual({
      below: 10,
      configurations: [],
    });
    expect(bench.p2a({ ballot: ballot(1), slot: 10, value: value(1) }).trim).toBeUndefined();
    expect(bench.p1a(ballot(1)).accepted.map((pvalue) => pvalue.slot)).toEqual([10]);
  });
});

describe("rule 3: nothing is answered before it is on disk", () => {
  it("every P1b and P2b waits for the disk, refusals too", () => {
    const bench = new AcceptorBench();
    const asks = [
      { kind: "p1a", ballot: ballot(2), configuration: 1, from: 1, scout: 1 },
      { kind: "p1a", ballot: ballot(1), configuration: 1, from: 1, scout: 1 },
      { kind: "p2a", pvalue: { ballot: ballot(2), slot: 1, value: value(1) } },
      { kind: "p2a", pvalue: { ballot: ballot(1), slot: 1, value: value(1) } },
    ] as const;
    for (const ask of asks) {
      const answers = bench
        .unsynced(ask)
        .filter((output) => output.kind === "send" || output.kind === "send-durable");
      expect(answers.map((output) => output.kind)).toEqual(["send-durable"]);
    }
  });

  it("what is held already is not written again, and answered after the write that is under way", () => {
    const bench = new AcceptorBench();
    const pvalue = { ballot: ballot(1), slot: 4, value: value(1) };
    const kinds = (outputs: { kind: string }[]) => outputs.map((output) => output.kind);
    expect(kinds(bench.unsynced({ kind: "p2a", pvalue }))).toEqual(["persist", "send-durable"]);
    expect(kinds(bench.unsynced({ kind: "p2a", pvalue }))).toEqual(["send-durable"]);
    bench.sync();
    expect(kinds(bench.unsynced({ kind: "p2a", pvalue }))).toEqual(["send-durable"]);
    bench.crashAndRestart();
    expect(kinds(bench.unsynced({ kind: "p2a", pvalue }))).toEqual(["send-durable"]);
    const newer = { ...pvalue, ballot: ballot(2) };
    expect(kinds(bench.unsynced({ kind: "p2a", pvalue: newer }))).toEqual(["persist", "send-durable"]);
    const beside = { ...newer, slot: 3 };
    expect(kinds(bench.unsynced({ kind: "p2a", pvalue: beside }))).toEqual(["persist", "send-durable"]);
  });

  it("the write is asked for before the answer that rests on it", () => {
    const bench = new AcceptorBench();
    const kinds = (outputs: { kind: string }[]) => outputs.map((output) => output.kind);
    expect(
      kinds(bench.unsynced({ kind: "p1a", ballot: ballot(1), configuration: 1, from: 1, scout: 1 })),
    ).toEqual(["persist", "send-durable"]);
    expect(
      kinds(bench.unsynced({ kind: "p2a", pvalue: { ballot: ballot(1), slot: 1, value: value(1) } })),
    ).toEqual(["persist", "send-durable"]);
  });

  it("what was answered survives a crash at once after it", () => {
    const bench = new AcceptorBench();
    bench.p1a(ballot(1));
    bench.p2a({ ballot: ballot(1), slot: 1, value: value(1) });
    bench.unsynced({ kind: "p1a", ballot: ballot(9), configuration: 1, from: 1, scout: 1 });
    bench.crashAndRestart();
    expect(bench.acceptor.status()).toMatchObject({ promised: ballot(1), highestSlot: 1 });
  });
});

describe("rule 11, the acceptor's part", () => {
  const ask = { kind: "pre-vote", ballot: ballot(9, "l2"), configuration: 1 } as const;

  it("a pre-vote changes nothing and says whether the present leader is heard", () => {
    const bench = new AcceptorBench();
    bench.p1a(ballot(3));
    expect(only(messagesOf(bench.step(ask, leaderPeer("l2")), "pre-vote-answer"))).toMatchObject({
      promised: ballot(3),
      hears: true,
    });
    expect(bench.acceptor.status().promised).toEqual(ballot(3));
    bench.tick(20);
    expect(only(messagesOf(bench.step(ask, leaderPeer("l2")), "pre-vote-answer"))).toMatchObject({
      promised: ballot(3),
      hears: false,
    });
  });

  it("a leader that asks does not hear itself: it stands again after its own heartbeats", () => {
    const bench = new AcceptorBench();
    bench.p1a(ballot(3));
    const own = { ...ask, ballot: ballot(9, "l1") };
    expect(only(messagesOf(bench.step(own), "pre-vote-answer"))).toMatchObject({
      promised: ballot(3),
      hears: false,
    });
  });

  it("asking does not count as hearing", () => {
    const bench = new AcceptorBench();
    bench.p1a(ballot(3));
    for (let round = 0; round < 4; round++) {
      bench.tick(5);
      bench.step(ask, leaderPeer("l2"));
    }
    expect(only(messagesOf(bench.step(ask, leaderPeer("l2")), "pre-vote-answer")).hears).toBe(false);
  });

  it("a heartbeat of the promised ballot keeps its leader heard and waits for no disk; a lower one does not", () => {
    const bench = new AcceptorBench();
    bench.p1a(ballot(3));
    bench.tick(20);
    bench.step({ kind: "heartbeat", ballot: ballot(2, "l2"), beat: 1 });
    expect(only(messagesOf(bench.step(ask), "pre-vote-answer")).hears).toBe(false);
    const outputs = bench.unsynced({ kind: "heartbeat", ballot: ballot(3), beat: 2 });
    expect(outputs.map((output) => output.kind)).toEqual(["send"]);
    expect(only(messagesOf(bench.step(ask), "pre-vote-answer")).hears).toBe(true);
  });

  it("a heartbeat, however high, promises nothing: that is on no disk", () => {
    const bench = new AcceptorBench();
    bench.p1a(ballot(3));
    bench.step({ kind: "heartbeat", ballot: ballot(9, "l2"), beat: 1 }, leaderPeer("l2"));
    expect(bench.p1a(ballot(5)).promised).toEqual(ballot(5));
  });

  it("a leader whose connection broke is not heard any more", () => {
    const bench = new AcceptorBench();
    bench.p1a(ballot(3));
    bench.acceptor.step({ kind: "disconnected", peer: leaderPeer("l1") });
    expect(only(messagesOf(bench.step(ask, leaderPeer("l2")), "pre-vote-answer")).hears).toBe(false);
  });
});

describe("ballots (PMMC 2.2)", () => {
  it("are ordered by round, then leader as text, then incarnation, all above ⊥", () => {
    const ordered = [
      noBallot,
      ballot(1, "l1", 9),
      ballot(1, "l10", 1),
      ballot(1, "l2", 1),
      ballot(1, "l2", 10),
      ballot(2, "a", 0),
      ballot(10, "a", 0),
    ];
    for (let low = 0; low < ordered.length; low++) {
      for (let high = 0; high < ordered.length; high++) {
        expect(Math.sign(compareBallots(ordered[low] as never, ordered[high] as never))).toBe(
          Math.sign(low - high),
        );
      }
    }
  });
});
