import type { Command } from "../command.js";
import type { Limits } from "../limits.js";
import { proposalOf, type Value } from "../pvalue.js";
import { type Repetition, RoundTrip } from "../round-trip.js";

interface Outstanding {
  readonly value: Value;
  /** The commands in the value. */
  readonly commands: readonly Command[];
  copies: Repetition;
  /** Its time has come, and it goes again once this slot is applied: it may have been decided up to there. */
  after: number | undefined;
}

/** The progress of a replica: slot_out, and the highest slot that it knows to be decided. */
export interface Progress {
  readonly slotOut: number;
  readonly highestKnown: number;
}

/** The proposals of this incarnation of a replica that were not seen decided in any slot yet (rule 14). */
export class OutstandingProposals {
  readonly #replica: string;
  readonly #incarnation: number;
  /** From a proposal to its decision. */
  readonly #roundTrip: RoundTrip;
  readonly #byNumber = new Map<number, Outstanding>();
  #lastNumber = 0;

  constructor(replica: string, incarnation: number, limits: Limits) {
    this.#replica = replica;
    this.#incarnation = incarnation;
    this.#roundTrip = new RoundTrip(limits.reproposeTicks);
  }

  get size(): number {
    return this.#byNumber.size;
  }

  /** The proposals for a leader that has just come: all but those that wait for slots to be applied. */
  get current(): readonly Value[] {
    return [...this.#byNumber.values()].flatMap(({ value, after }) => (after === undefined ? [value] : []));
  }

  /** Another way to a decision has come: it may be a quick one. */
  begin(): void {
    for (const proposal of this.#byNumber.values()) proposal.copies = this.#roundTrip.begin();
  }

  /** Makes a proposal of a batch. */
  add(commands: readonly Command[], encoded: Uint8Array): Value {
    const number = ++this.#lastNumber;
    const proposal = { replica: this.#replica, incarnation: this.#incarnation, number };
    const value: Value = { kind: "batch", proposal, commands: encoded };
    this.#byNumber.set(number, { value, commands, copies: this.#roundTrip.begin(), after: undefined });
    return value;
  }

  /**
   * A tick has passed. Proposals go again unchanged, once all that was known to be decided when their time came is applied. A
   * replica that lags would have what is decided already decided once more, in new slots, and lag behind those.
   *
   * @returns those that go again now
   */
  tick({ slotOut, highestKnown }: Progress): readonly Value[] {
    const due: Value[] = [];
    for (const proposal of this.#byNumber.values()) {
      if (proposal.after === undefined && proposal.copies.tick()) proposal.after = highestKnown;
      if (proposal.after === undefined || slotOut <= proposal.after) continue;
      proposal.after = undefined;
      due.push(proposal.value);
    }
    return due;
  }

  /** A value was decided. @returns true when it was outstanding */
  settle(value: Value): boolean {
    const proposal = proposalOf(value);
    if (!proposal || proposal.replica !== this.#replica || proposal.incarnation !== this.#incarnation)
      return false;
    this.#byNumber.get(proposal.number)?.copies.answered();
    return this.#byNumber.delete(proposal.number);
  }

  /** Nothing is outstanding any more. @returns the commands that were, in the order in which they came */
  takeAll(): Command[] {
    const commands = [...this.#byNumber.values()].flatMap((proposal) => proposal.commands);
    this.#byNumber.clear();
    return commands;
  }
}
