import { invariant } from "../invariant.js";
import { sameValue, type Value } from "../pvalue.js";

/** Decisions that a replica knows and cannot apply yet, for want of one before them. */
export class PendingDecisions {
  readonly #bySlot = new Map<number, Value>();

  has(slot: number): boolean {
    return this.#bySlot.has(slot);
  }

  /** @param kept false for a slot so far ahead that its decision is let go of, and asked for later */
  learn(slot: number, value: Value, kept: boolean): void {
    const known = this.#bySlot.get(slot);
    invariant(
      !known || sameValue(known, value),
      () => `slot ${slot} was decided twice, with different values`,
    );
    if (kept) this.#bySlot.set(slot, value);
  }

  /** Takes one out. */
  take(slot: number): Value | undefined {
    const value = this.#bySlot.get(slot);
    if (value) this.#bySlot.delete(slot);
    return value;
  }

  /** Takes out all below a slot. */
  takeBelow(slot: number): readonly Value[] {
    const below = [...this.#bySlot].filter(([each]) => each < slot);
    for (const [each] of below) this.#bySlot.delete(each);
    return below.map(([, value]) => value);
  }
}
