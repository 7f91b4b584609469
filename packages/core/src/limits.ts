/** Sizes and times that bound what the roles queue, send and wait for. Times are in ticks of `tickMs` milliseconds. */
export interface Limits {
  /** One tick, in milliseconds. The driver's only use of it is to send ticks. */
  readonly tickMs: number;
  /** Silence after which a peer is suspected. */
  readonly suspectAfterTicks: number;
  /** Between heartbeats, pings and status messages. */
  readonly heartbeatTicks: number;
  /** Until a P1a or P2a goes again to whoever is silent; later where answers are slower than that (rule 29). */
  readonly resendTicks: number;
  /** Until a proposal goes again, to every leader. */
  readonly reproposeTicks: number;
  /** Until a replica asks for a slot it lacks. */
  readonly questionTicks: number;
  /** A scout that has not been adopted by then gives up. */
  readonly scoutTicks: number;
  /** First and largest random delay before the next attempt to lead. */
  readonly delayTicks: number;
  readonly maxDelayTicks: number;
  /** Proposals that a replica keeps outstanding (rule 12). */
  readonly maxOutstandingProposals: number;
  readonly maxBatchCommands: number;
  readonly maxBatchBytes: number;
  /** Commands waiting in a replica; the bytes bound the proposals waiting in a leader as well. */
  readonly maxQueuedCommands: number;
  readonly maxQueuedBytes: number;
  /** Proposals waiting in a leader. */
  readonly maxQueuedProposals: number;
  /** Pvalues and bytes in one page of P1b. */
  readonly maxPageSlots: number;
  readonly maxPageBytes: number;
  /** Decisions a leader keeps to answer questions. The bytes bound those as well that a replica keeps behind a gap. */
  readonly maxKeptDecisions: number;
  readonly maxKeptBytes: number;
  /** Decisions sent in answer to one question. */
  readonly maxAnswerSlots: number;
  readonly maxAnswerBytes: number;
}

export const defaultLimits: Limits = Object.freeze({
  tickMs: 20,
  suspectAfterTicks: 40,
  heartbeatTicks: 5,
  // A stream loses nothing while it stands, but for what had no room; and a new one is told everything at once.
  resendTicks: 250,
  reproposeTicks: 40,
  questionTicks: 5,
  scoutTicks: 100,
  delayTicks: 5,
  maxDelayTicks: 100,
  maxOutstandingProposals: 4,
  maxBatchCommands: 1024,
  maxBatchBytes: 1 << 20,
  maxQueuedCommands: 65_536,
  maxQueuedBytes: 64 << 20,
  maxQueuedProposals: 1024,
  maxPageSlots: 512,
  maxPageBytes: 1 << 20,
  maxKeptDecisions: 50_000,
  maxKeptBytes: 64 << 20,
  maxAnswerSlots: 256,
  maxAnswerBytes: 1 << 20,
});

/** Of those that a batch may hold on the wire, the rest is for commands that bring services into use (rule 26). */
const mostBatchCommands = 16_384 - 1_024;

/** Every problem of the limits given, in words; empty when they are sound. */
export function limitProblems(limits: Limits): string[] {
  const problems: string[] = [];
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 1)
      problems.push(`${name}: expected a whole number of at least 1, found ${value}`);
  }
  if (limits.heartbeatTicks * 2 >= limits.suspectAfterTicks) {
    problems.push(
      `suspectAfterTicks: expected more than twice heartbeatTicks (${limits.heartbeatTicks}), found ${limits.suspectAfterTicks}`,
    );
  }
  if (limits.maxDelayTicks < limits.delayTicks)
    problems.push(
      `maxDelayTicks: expected at least delayTicks (${limits.delayTicks}), found ${limits.maxDelayTicks}`,
    );
  if (limits.maxBatchCommands > mostBatchCommands) {
    problems.push(
      `maxBatchCommands: expected at most ${mostBatchCommands}, which with Synod's own a batch may hold on the wire, found ${limits.maxBatchCommands}`,
    );
  }
  for (const name of ["maxBatchBytes", "maxPageBytes", "maxAnswerBytes"] as const) {
    if (limits[name] <= 2 << 20) continue;
    problems.push(
      `${name}: expected at most ${2 << 20}, so that a message stays below gRPC's 4 MiB, found ${limits[name]}`,
    );
  }
  return problems;
}
