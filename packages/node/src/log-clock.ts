import { performance } from "node:perf_hooks";
import { timeLimits } from "@synod/state-machine";

/**
 * What a proposer says of log time (rule 16): what it had applied last plus what its monotonic clock has counted since,
 * within a cap. Wall clocks are asked once in a cluster's life, for where log time begins; one that jumps moves nothing.
 */
export class LogClock {
  readonly #monotonicMs: () => number;
  readonly #wallMs: () => number;
  #appliedMs: number;
  #sinceMs: number;
  /**
   * When this clock proposed what is not applied yet, by log time. What it proposed was right then, not only when it comes
   * back decided: without this, the way through the log would be lost again and again, and log time run at half speed. At
   * most one entry a millisecond of the cap.
   */
  readonly #proposedAt = new Map<number, number>();

  /** @param appliedMs log time as the replica's state had it at start */
  constructor(appliedMs: number, monotonicMs = () => performance.now(), wallMs = () => Date.now()) {
    this.#monotonicMs = monotonicMs;
    this.#wallMs = wallMs;
    this.#appliedMs = appliedMs;
    this.#sinceMs = monotonicMs();
  }

  /** A slot was applied, and log time is this now. */
  applied(logTimeMs: number): void {
    if (logTimeMs === this.#appliedMs) return;
    this.#appliedMs = logTimeMs;
    this.#sinceMs = this.#proposedAt.get(logTimeMs) ?? this.#monotonicMs();
    for (const proposedMs of this.#proposedAt.keys())
      if (proposedMs <= logTimeMs) this.#proposedAt.delete(proposedMs);
  }

  /** What this clock has counted since log time moved last, not capped, in milliseconds. */
  get elapsedMs(): number {
    return Math.max(0, this.#monotonicMs() - this.#sinceMs);
  }

  /** For a batch proposed now. */
  get proposedMs(): number {
    if (this.#appliedMs === 0) return Math.max(1, Math.floor(this.#wallMs()));
    const nowMs = this.#monotonicMs();
    const elapsedMs = Math.max(0, nowMs - this.#sinceMs);
    const proposedMs = this.#appliedMs + Math.floor(Math.min(elapsedMs, timeLimits.maxStepMs));
    if (!this.#proposedAt.has(proposedMs)) this.#proposedAt.set(proposedMs, nowMs);
    return proposedMs;
  }
}

/**
 * How long log time may stand still, while something waits for it, before this replica moves it. The first replica comes
 * first; the others only step in where it does not, so that a group proposes about one time a step.
 */
export function advanceAfterMs(position: number): number {
  return timeLimits.maxStepMs * (0.8 + 0.15 * Math.min(position, 10));
}
