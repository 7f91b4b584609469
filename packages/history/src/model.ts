import type { Operation, Outcome } from "./operation.js";

/**
 * A replicated service as it would behave alone on one machine, one call after another. Nothing here may change a state
 * that was handed in.
 */
export interface Model<State> {
  readonly initial: State;
  /**
   * One call. What the service leaves open, such as the number of a revision, the model takes from the operation's own
   * result where that may be so, and answers otherwise with what would have been right.
   */
  step(state: State, operation: Operation): Step<State>;
  /** Equal texts for equal states, different ones for different states. */
  text(state: State): string;
  /** What the call may touch; undefined: everything. Calls that touch nothing in common are checked apart. */
  keys?(operation: Operation): readonly string[] | undefined;
  /** Whether a call that ended as this one did changes nothing, whatever the state was. */
  readsOnly(operation: Operation): boolean;
  /**
   * A number in the answer that shows the call's place among others that have one, the lower ones first, as revisions do.
   * `step` must refuse them in any other order; to know it beforehand spares the search to try.
   */
  place?(operation: Operation): number | undefined;
  /** What may happen at any time without a call, as when a lock expires. */
  byItself?(state: State): readonly State[];
}

export interface Step<State> {
  readonly state: State;
  readonly outcome: Outcome;
}
