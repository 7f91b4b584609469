import { describe, expect, it } from "vitest";
import { Configurations } from "../src/configuration.js";
import { defaultLimits, noOperation, proposalKey } from "../src/index.js";
import { LearnedSlots } from "../src/leader/learned-slots.js";

const limits = { ...defaultLimits, maxKeptDecisions: 3 };

function learned(): LearnedSlots {
  const configuration = { number: 1, predecessor: 0, acceptors: [], leaders: [], replicas: [] };
  return new LearnedSlots(new Configurations({ window: 8, configuration }), limits);
}

const keptSlots = (known: LearnedSlots) =>
  Array.from({ length: 12 }, (_, slot) => slot).filter((slot) => known.get(slot));

describe("the decisions a leader keeps (rules 8 and 9)", () => {
  it("are the newest, within the bound", () => {
    const known = learned();
    for (let slot = 1; slot <= 6; slot++) known.learn(slot, noOperation);
    expect(keptSlots(known)).toEqual([4, 5, 6]);
    expect(known.slotOut).toBe(7);
  });

  it("none is let go that slot_out has not passed, or it would be lost", () => {
    const known = learned();
    for (let slot = 2; slot <= 8; slot++) known.learn(slot, noOperation);
    expect(keptSlots(known)).toEqual([2, 3, 4, 5, 6, 7, 8]);
    known.learn(1, noOperation);
    expect(known.slotOut).toBe(9);
    expect(keptSlots(known)).toEqual([6, 7, 8]);
  });

  it("of a proposal decided in two slots the later is known while it is kept", () => {
    const known = learned();
    const proposal = { replica: "r1", incarnation: 1, number: 1 };
    const value = { kind: "batch", proposal, commands: new Uint8Array() } as const;
    for (let slot = 1; slot <= 5; slot++) known.learn(slot, slot === 1 || slot === 4 ? value : noOperation);
    expect(known.get(1)).toBeUndefined();
    expect(known.slotOf(proposalKey(proposal))).toBe(4);
  });

  it("a fact moves slot_out over what is not known, and what follows is taken along", () => {
    const known = learned();
    known.learn(6, noOperation);
    known.proved(6);
    expect(known.slotOut).toBe(7);
    known.proved(3);
    expect(known.slotOut).toBe(7);
  });

  it.each([
    ["before the first is kept", [2_000_000_000]],
    ["and again while some are kept", [2_000_000_000, 4_000_000_000]],
  ])("slot_out may jump by billions %s: letting go costs no more for it", (_, jumps) => {
    const known = learned();
    for (const jump of jumps) {
      known.proved(jump);
      for (let slot = jump; slot < jump + 5; slot++) known.learn(slot, noOperation);
    }
    const last = jumps.at(-1) as number;
    const kept = [0, 1, 2, 3, 4].filter((index) => known.get(last + index));
    expect(kept).toEqual([2, 3, 4]);
    expect(known.get((jumps[0] as number) + 2) === undefined).toBe(jumps.length > 1);
  });
});
