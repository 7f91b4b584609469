// No message exceeds what gRPC carries, at the largest limits that are allowed, whatever names and numbers it holds.
import {
  type Command,
  defaultLimits,
  type Limits,
  limitProblems,
  type PValue,
  Replica,
  type Value,
} from "@synod/core";
import { MemoryAcceptorDisk } from "@synod/storage";
import { acceptorService, batch, recordCodec } from "@synod/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { genesis, leaderPeer, messagesOf } from "./kit.js";

const maxMessageBytes = 4 << 20;
const largest: Limits = {
  ...defaultLimits,
  ...{ maxBatchCommands: 15_360, maxBatchBytes: 2 << 20, maxPageBytes: 2 << 20, maxAnswerBytes: 2 << 20 },
  ...{ maxPageSlots: 1 << 20, maxQueuedCommands: 1 << 20 },
};
const long = "x".repeat(64);
const huge = Number.MAX_SAFE_INTEGER;
const ballot = { round: huge, leader: long, incarnation: huge };

function batchOf(bytes: number): Value {
  const proposal = { replica: long, incarnation: huge, number: huge };
  return { kind: "batch", proposal, commands: new Uint8Array(bytes) };
}

/** A page of what an acceptor holds, as it travels. */
function pageBytes(values: readonly Value[]): number {
  const disk = new MemoryAcceptorDisk({ id: "a1", store: "s", codec: recordCodec });
  const store = disk.open({ id: "a1" });
  const slots = values.map((value, index): PValue => ({ ballot, slot: index + 1, value }));
  for (const pvalue of slots) store.write({ kind: "accept", pvalue });
  const { accepted, next } = store.page(1, largest.maxPageSlots, largest.maxPageBytes);
  const trim = { below: 1, configurations: [] };
  const more = { configuration: huge, from: huge, scout: huge, asked: ballot, promised: ballot, trim };
  const p1b = { kind: "p1b", acceptor: long, store: long, accepted, next, ...more } as const;
  return acceptorService.Vote.responseSerialize(p1b).length;
}

describe("at the largest limits", () => {
  it("which are allowed", () => {
    expect(limitProblems(largest)).toEqual([]);
    expect(limitProblems({ ...largest, maxBatchCommands: 15_361 })).toHaveLength(1);
    expect(limitProblems({ ...largest, maxBatchBytes: (2 << 20) + 1 })).toHaveLength(1);
  });

  it("a page of P1b fits, be it of many small values or of few large ones", () => {
    expect(pageBytes(Array.from({ length: 12_000 }, () => batchOf(1)))).toBeLessThan(largest.maxPageBytes);
    expect(pageBytes([batchOf(2 << 20), batchOf(2 << 20)])).toBeLessThan(maxMessageBytes);
    const sizes = fc.array(fc.integer({ min: 0, max: 2 << 20 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(sizes, (each) => {
        expect(pageBytes(each.map(batchOf))).toBeLessThan((2 << 20) + 1_024);
      }),
      { numRuns: 20 },
    );
  });

  it("a configuration counts what it takes", () => {
    const member = (index: number) => ({ id: `${index}`.padEnd(64, "x"), address: `${"h".repeat(250)}:1` });
    const members = Array.from({ length: 100 }, (_, index) => member(index));
    const acceptors = members.map((each) => ({ ...each, store: each.id }));
    const configuration = { number: huge, predecessor: huge, acceptors, leaders: members, replicas: members };
    const proposal = { replica: long, incarnation: huge, number: huge };
    const value: Value = { kind: "configuration", proposal, configuration };
    expect(pageBytes(Array.from({ length: 40 }, () => value))).toBeLessThan(largest.maxPageBytes);
  });

  it("a proposal of as many or as large commands as a batch may hold fits, and can be read", () => {
    const command = (request: number): Command => ({
      ...{ clientId: "1.0", sequence: huge, acknowledged: huge, service: "s", method: "M" },
      request: new Uint8Array(request),
    });
    for (const commands of [
      Array.from({ length: 20_000 }, () => command(0)),
      [command(768 << 10), command(768 << 10), command(400 << 10)],
    ]) {
      const replica = new Replica({
        ...{ id: long, incarnation: huge, genesis, configurations: [], slotOut: 1, limits: largest },
        encodeBatch: (each) => batch.encode({ commands: each, logTimeMs: Number.MAX_SAFE_INTEGER }),
      });
      replica.step({ kind: "connected", peer: leaderPeer(), slotOut: 1, configurations: [] });
      const { value } = messagesOf(replica.step({ kind: "requests", commands }), "propose")[0] as never as {
        value: Value;
      };
      const pvalue = { ballot, slot: huge, value };
      expect(acceptorService.Vote.requestSerialize({ kind: "p2a", pvalue }).length).toBeLessThan(
        maxMessageBytes,
      );
      expect(value.kind === "batch" && batch.decode(value.commands).commands.length).toBe(
        Math.min(commands.length, largest.maxBatchCommands),
      );
    }
  });
});
