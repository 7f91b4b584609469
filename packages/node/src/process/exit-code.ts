/**
 * The exit codes of services, in one list. The table in docs/operations.md and the advice of `synod up` follow it; a
 * supervisor may start the service again after 1, 6, 7 or 9, and should leave the others to a person.
 */
export const ExitCode = Object.freeze({
  /** Asked to stop, and stopped in good order. */
  graceful: 0,
  /** A defect, or a stop that did not end in time. */
  unexpected: 1,
  /** The configuration or the command line is wrong; every problem was named. */
  badConfiguration: 2,
  /** Another process listens on the address. */
  addressInUse: 3,
  /** The store is missing or empty, or was not made by `init` (rule 5). */
  noStore: 4,
  /** The store belongs to another member, cluster or format, or is damaged. */
  foreignStore: 5,
  /** Another process owns the store. */
  storeOwned: 6,
  /** A write or an fsync failed: what is in memory is not to be trusted any more (rule 4). */
  writeFailed: 7,
  /** An invariant of the protocol does not hold: going on could lose what was acknowledged. */
  invariantViolated: 8,
  /** A slot could not be executed: a handler that does not return, or takes all of the stack (rule 33). */
  slotNotExecuted: 9,
});

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
