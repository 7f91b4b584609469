import { describe, expect, it } from "vitest";
import { ProposalQueue } from "../src/leader/proposal-queue.js";
import { defaultLimits } from "../src/limits.js";
import type { Value } from "../src/pvalue.js";

const batch = (bytes: number): Value => ({
  kind: "batch",
  proposal: { replica: "r1", incarnation: 1, number: 1 },
  commands: new Uint8Array(bytes),
});

function queue(limits: { maxQueuedProposals?: number; maxQueuedBytes?: number }): ProposalQueue {
  return new ProposalQueue({ ...defaultLimits, ...limits });
}

describe("proposals that wait in a leader", () => {
  it("come out in their order, each once", () => {
    const waiting = queue({});
    for (const key of ["a", "b", "a"]) waiting.add(key, batch(1));
    expect([waiting.take()?.[0], waiting.take()?.[0], waiting.take()]).toEqual(["a", "b", undefined]);
  });

  it("are bounded in number", () => {
    const waiting = queue({ maxQueuedProposals: 2 });
    for (const key of ["a", "b", "c"]) waiting.add(key, batch(1));
    expect(waiting.size).toBe(2);
  });

  it("are bounded in bytes, and what is taken makes room", () => {
    const waiting = queue({ maxQueuedBytes: 1_000 });
    for (const key of ["a", "b", "c"]) waiting.add(key, batch(400));
    expect(waiting.size).toBe(2);
    waiting.take();
    waiting.add("c", batch(400));
    expect(waiting.size).toBe(2);
  });

  it("have room for one, however large", () => {
    const waiting = queue({ maxQueuedBytes: 10 });
    waiting.add("a", batch(400));
    expect(waiting.size).toBe(1);
  });
});
