import type { Configuration, Configurations, RulingConfiguration, TrimRecord } from "../configuration.js";
import { invariant } from "../invariant.js";
import type { Limits } from "../limits.js";
import { proposalKey, proposalOf, sameValue, type Value, valueBytes } from "../pvalue.js";

/**
 * The slots that a leader knows to be decided: slot_out (the lowest slot whose decision it does not know), and the newest
 * decisions, kept within bounds to answer proposals and questions (rules 8, 9). That a slot is decided may be known
 * without its value: every replica's slot_out and every trim record says so. A peer's claim is believed only until
 * phase 1 can tell (rule 28): `sure` is slot_out without it.
 */
export class LearnedSlots {
  readonly #configurations: Configurations;
  readonly #limits: Limits;
  readonly #kept = new Map<number, Value>();
  readonly #slots = new Map<string, number>();
  /** No decision below is kept. */
  #oldest = 1;
  #bytes = 0;
  #slotOut = 1;
  #sure = 1;
  #trim: TrimRecord = { below: 1, configurations: [] };

  constructor(configurations: Configurations, limits: Limits) {
    this.#configurations = configurations;
    this.#limits = limits;
  }

  /** The lowest slot whose decision it does not know. */
  get slotOut(): number {
    return this.#slotOut;
  }

  /** The first slot beyond the window: slots from slot_out up to it may be proposed in (rule 10). */
  get windowEnd(): number {
    return this.#slotOut + this.#configurations.window;
  }

  /** The configuration that rules slot_out. */
  get ruling(): Configuration {
    return this.#configurations.at(this.#slotOut);
  }

  /** The configurations that rule a slot of the window. */
  get serving(): readonly Configuration[] {
    return this.#configurations.serving(this.#slotOut, this.windowEnd);
  }

  /** Slot_out by decisions, trim records of acceptors and claims that were proved: without any other claim. */
  get sure(): number {
    return this.#sure;
  }

  /** Below it acceptors may have forgotten what was decided (rule 18). */
  get trim(): TrimRecord {
    return this.#trim;
  }

  /** The decision of a slot, if it is kept. */
  get(slot: number): Value | undefined {
    return this.#kept.get(slot);
  }

  /** The slot in which a proposal was decided, if that decision is kept. */
  slotOf(proposal: string): number | undefined {
    return this.#slots.get(proposal);
  }

  /** A slot was decided. */
  learn(slot: number, value: Value): void {
    const known = this.#kept.get(slot);
    if (known) {
      invariant(sameValue(known, value), () => `slot ${slot} was decided twice, with different values`);
      return;
    }
    this.#oldest = this.#kept.size === 0 ? slot : Math.min(this.#oldest, slot);
    this.#kept.set(slot, value);
    const proposal = proposalOf(value);
    if (proposal) this.#slots.set(proposalKey(proposal), slot);
    this.#bytes += valueBytes(value);
    this.#advance();
    this.#prune();
  }

  /** A peer claims that everything below `slot` is decided. */
  claimed(slot: number): void {
    this.#slotOut = Math.max(this.#slotOut, slot);
    this.#advance();
  }

  /** Everything below `slot` is decided: a fact. */
  proved(slot: number): void {
    this.#sure = Math.max(this.#sure, slot);
    this.#advance();
  }

  /** Claims that were not proved are not believed any more. */
  doubt(): void {
    this.#slotOut = this.#sure;
    this.#advance();
  }

  /** Configurations that were decided: a fact. */
  configured(configurations: readonly RulingConfiguration[]): void {
    this.#configurations.learn(configurations);
  }

  /** A trim record: a fact as well. */
  trimmed(trim: TrimRecord): void {
    if (trim.below > this.#trim.below) this.#trim = trim;
    this.configured(trim.configurations);
    this.proved(trim.below);
  }

  #advance(): void {
    this.#sure = this.#after(this.#sure);
    this.#slotOut = this.#after(Math.max(this.#slotOut, this.#sure));
  }

  /** The first slot from this one on whose decision is not kept. */
  #after(slot: number): number {
    let next = slot;
    for (let value = this.#kept.get(next); value; value = this.#kept.get(++next)) {
      if (value.kind === "configuration") this.#configurations.decided(next, value.configuration);
    }
    return next;
  }

  /** Lets go of the oldest decisions beyond the bounds, but of none that slot_out has not passed. */
  #prune(): void {
    const { maxKeptDecisions, maxKeptBytes } = this.#limits;
    for (let holes = 0; this.#oldest < this.#slotOut; this.#oldest++) {
      if (this.#kept.size <= maxKeptDecisions && this.#bytes <= maxKeptBytes) return;
      const value = this.#kept.get(this.#oldest);
      if (!value) {
        // Slot_out may have jumped by billions; what is kept is few beside that.
        if (++holes <= this.#kept.size) continue;
        this.#oldest = lowest(this.#kept.keys()) - 1;
        holes = 0;
        continue;
      }
      this.#kept.delete(this.#oldest);
      this.#bytes -= valueBytes(value);
      const proposal = proposalOf(value);
      const key = proposal && proposalKey(proposal);
      if (key !== undefined && this.#slots.get(key) === this.#oldest) this.#slots.delete(key);
    }
  }
}

function lowest(slots: Iterable<number>): number {
  let least = Number.POSITIVE_INFINITY;
  for (const slot of slots) least = Math.min(least, slot);
  return least;
}
