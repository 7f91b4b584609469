import { invariant } from "../invariant.js";
import { sameValue, type Value, valueBytes } from "../pvalue.js";

/** Decisions that a replica knows and cannot apply yet, for want of one before them; within a bound of bytes. */
export class PendingDecisions {
  readonly #bySlot = new Map<number, Value>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  has(slot: number): boolean {
    return this.#bySlot.has(slot);
  }

  /** @param near false for a slot so far ahead that its decision is let go of, as those are that find no room; both are asked for later */
  learn(slot: number, value: Value, near: boolean): void {
    const known = this.#bySlot.get(slot);
    invariant(
      !known || sameValue(known, value),
      () => `slot ${slot} was decided twice, with different values`,
    );
    const bytes = valueBytes(value);
    if (known || !near || (this.#bytes > 0 && this.#bytes + bytes > this.#maxBytes)) return;
    this.#bySlot.set(slot, value);
    this.#bytes += bytes;
  }

  /** Takes one out. */
  take(slot: number): Value | undefined {
    const value = this.#bySlot.get(slot);
    if (!value) return undefined;
    this.#bySlot.delete(slot);
    this.#bytes -= valueBytes(value);
    return value;
  }

  /** Takes out all below a slot. */
  takeBelow(slot: number): readonly Value[] {
    const below = [...this.#bySlot.keys()].filter((each) => each < slot);
    return below.flatMap((each) => this.take(each) ?? []);
  }
}
