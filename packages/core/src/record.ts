import type { Ballot } from "./ballot.js";
import type { TrimRecord } from "./configuration.js";
import type { PValue } from "./pvalue.js";

/** The durable operations of an acceptor: a closed list, each applied whole. */
export type AcceptorRecord =
  | { readonly kind: "promise"; readonly ballot: Ballot }
  /** Stores the pvalue in its slot (the highest ballot only, PMMC 4.1) and its ballot as the promise, in one write. */
  | { readonly kind: "accept"; readonly pvalue: PValue }
  /** Writes the trim record and deletes the pvalues below, in one write. */
  | { readonly kind: "trim"; readonly trim: TrimRecord };

/** The state that an acceptor reads at start, besides its pvalues. */
export interface AcceptorState {
  readonly promised: Ballot;
  readonly trim: TrimRecord;
}

/** A page of accepted pvalues in slot order; `next` is the first slot of the next page, 0 when there is none. */
export interface AcceptedPage {
  readonly accepted: readonly PValue[];
  readonly next: number;
}

/**
 * The port through which an acceptor reads what it accepted: records persisted but not yet on disk included.
 * Reads only; writing is the driver's, by `persist`.
 */
export interface AcceptedLog {
  /** Pvalues at or above `from`: at most `maxSlots`, and `maxBytes` (`pvalueBytes`) of them, but at least one. */
  page(from: number, maxSlots: number, maxBytes: number): AcceptedPage;
  /** The pvalue accepted in a slot; undefined when there is none. */
  held(slot: number): PValue | undefined;
  /** The highest slot with an accepted pvalue; 0 when there is none. */
  highestSlot(): number;
}
