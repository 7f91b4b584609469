import { performance } from "node:perf_hooks";
import { timeLimits } from "@synod/state-machine";

/** What this clock proposed and has not seen applied: when that was, and how much of a step was left then. */
interface Proposed {
  readonly atMs: number;
  readonly leftMs: number;
}

/**
 * What a proposer says of log time (rule 16): what it had applied last plus what its monotonic clock has counted since,
 * within a cap. Wall clocks are asked once in a cluster's life, for where log time begins; one that jumps moves nothing.
 *
 * What comes out of it, however late and in whatever order proposals are decided: after slot s, log time runs ahead of
 * real time by at most one step (`timeLimits.maxStepMs`), once. A proposal made before s was known is at most a step above
 * log time in s; one made later counts real time from what its proposer applied after s was decided.
 */
export class LogClock {
  readonly #monotonicMs: () => number;
  readonly #wallMs: () => number;
  #appliedMs: number;
  #sinceMs: number;
  /**
   * By log time. What this clock proposed was right then, not only when it comes back decided, so that is where it counts
   * on from; otherwise the way through the log would be lost again and again, and log time run at a fraction of its speed.
   * But the proposal and the way back share one step: a proposal that was held up for long must not bring a second one,
   * which would be a second step that a lock granted meanwhile loses. At most one entry a millisecond of the cap.
   */
  readonly #proposed = new Map<number, Proposed>();

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
    const nowMs = this.#monotonicMs();
    const own = this.#proposed.get(logTimeMs);
    this.#sinceMs = own === undefined ? nowMs : Math.max(own.atMs, nowMs - own.leftMs);
    for (const proposedMs of this.#proposed.keys())
      if (proposedMs <= logTimeMs) this.#proposed.delete(proposedMs);
  }

  /** What this clock has counted since log time moved last, not capped, in milliseconds. */
  get elapsedMs(): number {
    return Math.max(0, this.#monotonicMs() - this.#sinceMs);
  }

  /** It knows of no log time yet: what it proposes is where log time begins, and nothing where it has begun. */
  get begins(): boolean {
    return this.#appliedMs === 0;
  }

  /** For a batch proposed now. */
  get proposedMs(): number {
    if (this.#appliedMs === 0) return Math.max(1, Math.floor(this.#wallMs()));
    const nowMs = this.#monotonicMs();
    const stepMs = Math.floor(Math.min(Math.max(0, nowMs - this.#sinceMs), timeLimits.maxStepMs));
    const proposedMs = this.#appliedMs + stepMs;
    if (!this.#proposed.has(proposedMs))
      this.#proposed.set(proposedMs, { atMs: nowMs, leftMs: timeLimits.maxStepMs - stepMs });
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
