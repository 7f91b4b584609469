import type { OrderedMap } from "@synod/core";
import { remedyKey } from "../state/layout.js";

/**
 * The decision about a slot that some replica cannot execute (rule 33). It takes effect in that slot, which was decided
 * before it; a replica that cannot execute the slot learns of it by looking ahead.
 */
export interface Remedy {
  /** The slot that it is for. */
  readonly slot: number;
  /**
   * From 1: its place among the remedies for this slot. It counts only when it is the next one, so that two people who act
   * at the same time cannot both be right.
   */
  readonly number: number;
  /** The commands of services that are not executed: all of the batch, or the one with this index; none when absent. */
  readonly skip?: "batch" | number | undefined;
  /** Services that are out of use from this slot on. */
  readonly retire?: readonly string[] | undefined;
}

/** True when it changes what the slot does; one that does not only ends the waiting for a decision. */
export function hasEffect({ skip, retire }: Remedy): boolean {
  return skip !== undefined || retire !== undefined;
}

/** In words, for people. */
export function remedyText({ slot, skip, retire = [] }: Remedy): string {
  const parts = [
    ...(skip === "batch" ? ["its commands are skipped"] : []),
    ...(typeof skip === "number" ? [`command ${skip} is skipped`] : []),
    ...retire.map((service) => `${service} is out of use from there on`),
  ];
  return `slot ${slot}: ${parts.join(", ") || "executed as it is"}`;
}

/** True when a remedy is the next one for its slot, when these were decided before it. */
export function isNext({ slot, number }: Remedy, before: readonly Remedy[], decidedIn: number): boolean {
  return slot < decidedIn && number === before.length + 1;
}

/** Field by field: what is kept of it must not depend on what else was said. Undefined when it is none. */
export function remedyOf(value: unknown): Remedy | undefined {
  const { slot, number, skip, retire = [] } = (value ?? {}) as Partial<Record<keyof Remedy, unknown>>;
  if (!isPositive(slot) || !isPositive(number)) return undefined;
  if (skip !== undefined && skip !== "batch" && skip !== 0 && !isPositive(skip)) return undefined;
  if (!Array.isArray(retire) || !retire.every((name) => typeof name === "string" && name !== ""))
    return undefined;
  return {
    slot,
    number,
    ...(skip === undefined ? {} : { skip }),
    ...(retire.length === 0 ? {} : { retire: [...(retire as string[])] }),
  };
}

export function sameRemedy(a: Remedy, b: Remedy): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function isPositive(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** True when the command with this index of a batch of so many is not to be executed; due ones count on from the batch. */
export function skips(remedies: readonly Remedy[], index: number, batchLength: number): boolean {
  return remedies.some(({ skip }) => skip === index || (skip === "batch" && index < batchLength));
}

interface Kept {
  /** The number of the last remedy with an effect that the slot was executed with; 0 when there was none. */
  readonly applied: number;
  /** Those decided so far, as this state has seen them decided. */
  readonly decided: readonly Remedy[];
}

const nothing: Kept = Object.freeze({ applied: 0, decided: Object.freeze([]) });

/** The decisions about slots that could not be executed, in the replicated state. People make them, so they are few. */
export class Remedies {
  readonly #state: OrderedMap;

  constructor(state: OrderedMap) {
    this.#state = state;
  }

  /** The slot is executed with these, all with an effect that are known for it. */
  apply(slot: number, remedies: readonly Remedy[]): void {
    this.#put(slot, { applied: remedies.at(-1)?.number ?? 0, decided: [] });
  }

  /** The number of the last remedy with an effect that a slot was executed with; 0 when there was none. */
  appliedTo(slot: number): number {
    return this.#at(slot).applied;
  }

  /** One was decided in a later slot. Returns why it does not count; empty when it does, or is a repeat of one that did. */
  decide(remedy: Remedy, decidedIn: number): string {
    const { slot, number } = remedy;
    const { applied, decided } = this.#at(slot);
    if (isNext(remedy, decided, decidedIn)) {
      this.#put(slot, { applied, decided: [...decided, remedy] });
      return "";
    }
    const known = decided[number - 1];
    if (known !== undefined && sameRemedy(known, remedy)) return "";
    return slot >= decidedIn
      ? `expected a remedy for a slot below ${decidedIn}, found one for slot ${slot}`
      : `expected remedy ${decided.length + 1} for slot ${slot}, found remedy ${number}: another was decided meanwhile; look at the status and try again`;
  }

  /**
   * The first of the remedies decided in a slot that is for a slot executed here without it: then this replica did what the
   * others did not, and must not go on.
   */
  missedIn(remedies: readonly Remedy[], decidedIn: number): Remedy | undefined {
    const found = new Map<number, Remedy[]>();
    for (const remedy of remedies) {
      const { applied, decided } = this.#at(remedy.slot);
      const before = found.get(remedy.slot) ?? [...decided];
      if (!isNext(remedy, before, decidedIn)) continue;
      before.push(remedy);
      found.set(remedy.slot, before);
      if (hasEffect(remedy) && remedy.number > applied) return remedy;
    }
    return undefined;
  }

  #at(slot: number): Kept {
    const stored = this.#state.get(remedyKey(slot));
    return stored === undefined ? nothing : (JSON.parse(Buffer.from(stored).toString()) as Kept);
  }

  #put(slot: number, kept: Kept): void {
    this.#state.put(remedyKey(slot), Buffer.from(JSON.stringify(kept)));
  }
}
