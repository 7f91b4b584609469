import { compareBallots } from "../ballot.js";
import { type PValue, valueBytes } from "../pvalue.js";

/**
 * Per slot the pvalue with the highest ballot that an acceptor told in phase 1: pmax of PMMC 2.2, as a running maximum
 * (rule 7). Slots that are decided meanwhile are let go of, and taken no more.
 */
export class FoundPValues {
  readonly #bySlot = new Map<number, PValue>();
  #bytes = 0;
  #highest = 0;
  #needed: number;

  /** @param from the first slot of interest */
  constructor(from: number) {
    this.#needed = from;
  }

  get(slot: number): PValue | undefined {
    return this.#bySlot.get(slot);
  }

  has(slot: number): boolean {
    return this.#bySlot.has(slot);
  }

  /** Bytes of all values held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The highest slot known to hold a pvalue: below it a slot in which nothing was found is a hole. */
  get highest(): number {
    return this.#highest;
  }

  /** The first slot that anybody needs. */
  get needed(): number {
    return this.#needed;
  }

  add(pvalue: PValue): void {
    const { slot } = pvalue;
    this.holds(slot);
    if (slot < this.#needed) return;
    const known = this.#bySlot.get(slot);
    if (known && compareBallots(pvalue.ballot, known.ballot) <= 0) return;
    this.#bytes += valueBytes(pvalue.value) - (known ? valueBytes(known.value) : 0);
    this.#bySlot.set(slot, pvalue);
  }

  /** An acceptor has a pvalue in this slot, whether or not it was told yet. */
  holds(slot: number): void {
    this.#highest = Math.max(this.#highest, slot);
  }

  /** Nobody needs what is below `slot` any more. */
  skipTo(slot: number): void {
    if (slot <= this.#needed) return;
    if (slot - this.#needed > this.#bySlot.size) {
      for (const found of this.#bySlot.keys()) if (found < slot) this.#drop(found);
    } else for (let skipped = this.#needed; skipped < slot; skipped++) this.#drop(skipped);
    this.#needed = slot;
  }

  #drop(slot: number): void {
    const pvalue = this.#bySlot.get(slot);
    if (!pvalue) return;
    this.#bySlot.delete(slot);
    this.#bytes -= valueBytes(pvalue.value);
  }
}
