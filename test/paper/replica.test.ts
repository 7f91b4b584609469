// PMMC 2.1, figure 1 (replica); rules 12 to 15 of docs/protocol.md.
import { commandBytes, InvariantViolation, type Value } from "@synod/core";
import { describe, expect, it } from "vitest";
import {
  appliedSlots,
  ballot,
  command,
  limits,
  messagesOf,
  noOperation,
  only,
  ReplicaBench,
  receivers,
  value,
} from "./kit.js";

function attached() {
  const bench = new ReplicaBench();
  bench.connect("l1");
  bench.connect("l2");
  bench.status("l1", true);
  return bench;
}

const batches = (outputs: Parameters<typeof messagesOf>[0]) =>
  messagesOf(outputs, "propose").map(({ value: proposed }) =>
    proposed.kind === "batch" ? [...proposed.commands] : [],
  );

describe("rule 12: proposals outstanding are bounded", () => {
  it("no more than the limit, and the next goes as one is decided", () => {
    const bench = attached();
    const first = [1, 2, 3].flatMap((sequence) => bench.request(sequence));
    expect(batches(first)).toEqual([[1], [2]]);
    expect(bench.replica.status()).toMatchObject({ outstanding: limits.maxOutstandingProposals, queued: 1 });
    const decided = messagesOf(first, "propose")[0]?.value as never;
    expect(batches(bench.decision(1, decided))).toEqual([[3]]);
  });

  it("beyond the queue's bound a command is refused, and has no effect", () => {
    const bench = attached();
    bench.request(1);
    bench.request(2);
    const refused = bench.request(
      ...Array.from({ length: limits.maxQueuedCommands + 1 }, (_, index) => index + 3),
    );
    expect(refused.filter((output) => output.kind === "refuse")).toEqual([
      { kind: "refuse", command: command(11), reason: "queue-full" },
    ]);
  });

  it("beyond the bytes that may queue as well, until what went before has made room", () => {
    const room = 3 * commandBytes(command(1));
    const bench = new ReplicaBench(1, 1, { maxOutstandingProposals: 1, maxQueuedBytes: room });
    bench.connect();
    const first = only(messagesOf(bench.request(1), "propose")).value;
    const refused = bench.request(2, 3, 4, 5);
    expect(refused).toEqual([{ kind: "refuse", command: command(5), reason: "queue-full" }]);
    expect(batches(bench.decision(1, first))).toEqual([[2, 3, 4]]);
    expect(bench.request(6, 7, 8).filter((output) => output.kind === "refuse")).toEqual([]);
  });
});

describe("rule 13: whatever has queued goes together", () => {
  it("commands that arrive in one turn share a batch, and those that wait for a proposal too, within the batch's bound", () => {
    const bench = attached();
    const first = bench.request(1, 2);
    bench.request(3);
    bench.request(4);
    bench.request(5, 6, 7, 8, 9);
    expect(batches(first)).toEqual([[1, 2]]);
    expect(batches(bench.decision(1, messagesOf(first, "propose")[0]?.value as never))).toEqual([
      [4, 5, 6, 7],
    ]);
  });

  it("a command waits for nothing when little is outstanding", () => {
    expect(batches(attached().request(1))).toEqual([[1]]);
  });
});

describe("rule 14: a proposal is outstanding until its id is decided, in whatever slot", () => {
  it("it goes to the leader that says it is active, and after a time, unchanged, to every leader", () => {
    const bench = attached();
    const first = bench.request(1);
    expect(receivers(first, "propose")).toEqual(["l1"]);
    const again = bench.tick(limits.reproposeTicks);
    expect(receivers(again, "propose").sort()).toEqual(["l1", "l2"]);
    expect(messagesOf(again, "propose")[0]?.value).toEqual(messagesOf(first, "propose")[0]?.value);
  });

  it("it goes again more and more seldom, and not before a decision is late by what the last one took", () => {
    const bench = attached();
    const first = only(messagesOf(bench.request(1), "propose")).value;
    for (const wait of [limits.reproposeTicks, 2 * limits.reproposeTicks, 4 * limits.reproposeTicks]) {
      expect(receivers(bench.tick(wait - 1), "propose")).toEqual([]);
      expect(receivers(bench.tick(1), "propose").sort()).toEqual(["l1", "l2"]);
    }
    bench.decision(1, first);
    bench.request(2);
    expect(receivers(bench.tick(10 * limits.reproposeTicks), "propose")).toEqual([]);
    expect(receivers(bench.tick(limits.reproposeTicks), "propose")).toContain("l1");
    expect(receivers(bench.status("l2", true, 1, 9), "propose")).toEqual(["l2"]); // Another leader begins anew.
    expect(receivers(bench.tick(10 * limits.reproposeTicks), "propose")).toEqual([]);
    expect(receivers(bench.tick(limits.reproposeTicks), "propose")).toContain("l2");
  });

  it("of a replica that lags it goes again once all is applied that was known to be decided when its time came", () => {
    const bench = attached();
    const mine = only(messagesOf(bench.request(1), "propose")).value;
    bench.status("l1", true, 4);
    const early = bench.tick(limits.reproposeTicks);
    const first = bench.decision(1, value(1, "r2"));
    bench.status("l1", true, 9); // What is decided later does not put it off further.
    const second = bench.decision(2, value(2, "r2"));
    const whileBehind = [...early, ...first, ...second, ...bench.tick(limits.reproposeTicks)];
    expect(messagesOf(whileBehind, "propose")).toEqual([]);
    bench.decision(3, value(3, "r2"));
    const again = messagesOf(bench.tick(1), "propose");
    expect(again.map((message) => message.value)).toEqual([mine, mine]); // To both leaders.
    expect(messagesOf(bench.tick(limits.reproposeTicks - 1), "propose")).toEqual([]);
  });

  it("nor does it go to a leader that becomes active before that: none remembers fewer decisions", () => {
    const bench = attached();
    bench.request(1);
    bench.status("l1", true, 4);
    bench.tick(limits.reproposeTicks);
    bench.connect("l3");
    expect(receivers(bench.status("l3", true, 4, 9), "propose")).toEqual([]);
    for (const slot of [1, 2, 3]) bench.decision(slot, value(slot, "r2"));
    expect(receivers(bench.tick(1), "propose")).toContain("l3");
  });

  it("of a replica that lags it does not go again when it turns out to be decided", () => {
    const bench = attached();
    const mine = only(messagesOf(bench.request(1), "propose")).value;
    bench.status("l1", true, 3);
    bench.tick(limits.reproposeTicks);
    bench.decision(1, value(1, "r2"));
    bench.decision(2, mine);
    expect(messagesOf(bench.tick(3 * limits.reproposeTicks), "propose")).toEqual([]);
  });

  it("another value decided in any slot leaves it outstanding", () => {
    const bench = attached();
    const mine = only(messagesOf(bench.request(1), "propose")).value;
    bench.decision(1, value(1, "r2"));
    expect(bench.replica.status().outstanding).toBe(1);
    bench.decision(2, mine);
    expect(bench.replica.status().outstanding).toBe(0);
  });

  it("a proposal of an earlier incarnation is not mistaken for its own", () => {
    const bench = new ReplicaBench(1, 2);
    bench.connect();
    bench.request(1);
    bench.decision(1, value(1, "r1"));
    expect(bench.replica.status().outstanding).toBe(1);
  });

  it("a leader that has just become active gets what is outstanding at once", () => {
    const bench = attached();
    bench.request(1);
    expect(receivers(bench.status("l2", true, 1, 2), "propose")).toEqual(["l2"]);
    expect(receivers(bench.status("l2", true, 1, 2), "propose")).toEqual([]);
  });

  it("the active leader that has been silent for the suspicion time is not the only one it goes to", () => {
    const bench = attached();
    bench.tick(limits.suspectAfterTicks);
    expect(receivers(bench.request(1), "propose")).toEqual(["l1"]);
    bench.tick(1);
    expect(receivers(bench.request(2), "propose").sort()).toEqual(["l1", "l2"]);
    const [first] = messagesOf(bench.status("l1", true), "propose");
    expect(first).toBeUndefined(); // It was active all the time.
    bench.decision(1, value(1, "r1"));
    expect(receivers(bench.request(3), "propose")).toEqual(["l1"]);
  });

  it("without an active leader it goes to every one", () => {
    const bench = new ReplicaBench();
    bench.connect("l1");
    bench.connect("l2");
    expect(receivers(bench.request(1), "propose").sort()).toEqual(["l1", "l2"]);
  });
});

describe("decisions are applied in slot order, each once (PMMC 2.1)", () => {
  it("whatever the order in which they come, and however often", () => {
    const bench = attached();
    expect(appliedSlots(bench.decision(3, value(3, "r2")))).toEqual([]);
    expect(appliedSlots(bench.decision(1, value(1, "r2")))).toEqual([1]);
    expect(appliedSlots(bench.decision(1, value(1, "r2")))).toEqual([]);
    expect(appliedSlots(bench.decision(2, noOperation))).toEqual([2, 3]);
  });

  it("those behind a gap are kept within a bound of bytes; what finds no room is asked for", () => {
    const bench = new ReplicaBench(1, 1, { maxKeptBytes: 200 });
    bench.connect();
    const decisions = [1, 2, 3, 4, 5].map((slot) => value(slot, "r2"));
    for (const slot of [2, 3, 4, 5]) bench.decision(slot, decisions[slot - 1] as Value);
    expect(appliedSlots(bench.decision(1, decisions[0] as Value))).toEqual([1, 2, 3, 4]);
    expect(messagesOf(bench.tick(limits.questionTicks), "question")).toEqual([
      { kind: "question", from: 5, through: 5 },
    ]);
    const large = { ...value(9, "r2"), commands: new Uint8Array(1_000) } as Value;
    expect(appliedSlots(bench.decision(5, large))).toEqual([5]);
  });

  it("a restarted replica goes on behind what it had on disk", () => {
    const bench = new ReplicaBench(7);
    bench.connect();
    expect(appliedSlots(bench.decision(6, value(1)))).toEqual([]);
    expect(appliedSlots(bench.decision(7, value(2)))).toEqual([7]);
  });

  it("two different decisions for one slot stop it", () => {
    const bench = attached();
    bench.decision(2, value(1));
    expect(() => bench.decision(2, value(2))).toThrow(InvariantViolation);
  });
});

describe("rule 15: a slot that is known of and lacking is asked for", () => {
  it("known from a later decision", () => {
    const bench = attached();
    bench.decision(4, value(4, "r2"));
    const outputs = bench.tick(limits.questionTicks);
    expect(receivers(outputs, "question")).toEqual(["l1"]);
    expect(only(messagesOf(outputs, "question"))).toEqual({ kind: "question", from: 1, through: 3 });
  });

  it("known from a leader's slot_out alone, be it the last one", () => {
    for (const slotOut of [3, 2]) {
      const bench = attached();
      bench.status("l1", true, slotOut);
      const asked = only(messagesOf(bench.tick(limits.questionTicks), "question"));
      expect(asked).toEqual({ kind: "question", from: 1, through: slotOut - 1 });
    }
  });

  it("asked again until it comes, more and more seldom, and asked on at once while more is lacking", () => {
    const bench = attached();
    bench.status("l1", true, 20);
    const first = limits.questionTicks;
    for (const wait of [first, first, 2 * first, 4 * first]) {
      expect(receivers(bench.tick(wait - 1), "question")).toEqual([]);
      expect(receivers(bench.tick(1), "question")).toContain("l1");
    }
    const outputs = [1, 2, 3, 4].flatMap((slot) => bench.decision(slot, value(slot, "r2")));
    expect(only(messagesOf(outputs, "question"))).toEqual({ kind: "question", from: 5, through: 8 });
  });

  it("a leader that says it is active and does not answer is soon not the only one asked", () => {
    const bench = attached();
    bench.status("l1", true, 20);
    expect(receivers(bench.tick(limits.questionTicks), "question")).toEqual(["l1"]);
    expect(receivers(bench.tick(2 * limits.reproposeTicks), "question")).toContain("l2");
    bench.decision(1, value(1, "r2"));
    expect(receivers(bench.tick(limits.questionTicks), "question")).toEqual(["l1"]);
  });

  it("nor is one that has been silent for the suspicion time", () => {
    const bench = attached();
    bench.tick(limits.suspectAfterTicks + 1);
    bench.status("l2", false, 3);
    expect(receivers(bench.tick(limits.questionTicks), "question").sort()).toEqual(["l1", "l2"]);
  });

  it("nothing is asked when nothing is lacking", () => {
    const bench = attached();
    bench.decision(1, value(1, "r2"));
    expect(messagesOf(bench.tick(100), "question")).toEqual([]);
  });
});

describe("what a replica tells", () => {
  it("every heartbeat, to every leader: its slot_out and the configurations it knows", () => {
    const bench = attached();
    bench.decision(1, value(1, "r2"));
    const outputs = bench.tick(limits.heartbeatTicks);
    expect(receivers(outputs, "replica-status").sort()).toEqual(["l1", "l2"]);
    expect(messagesOf(outputs, "replica-status")[0]).toMatchObject({
      slotOut: 2,
      configurations: [{ from: 1 }],
    });
  });

  it("in its status: the active leader with the highest ballot", () => {
    const bench = attached();
    bench.status("l2", true, 1, 2);
    expect(bench.replica.status()).toMatchObject({ leader: "l2", ballot: ballot(2, "l2") });
    bench.replica.step({ kind: "disconnected", peer: { role: "leader", id: "l2" } });
    expect(bench.replica.status().leader).toBe("l1");
  });
});
