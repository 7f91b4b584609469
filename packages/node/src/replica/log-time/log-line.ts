import { timeLimits } from "@synod/state-machine";

/**
 * One monotonic clock's time less log time: as long as it stays the same, log time runs as fast as that clock. In
 * milliseconds, and a number of the clock's own; only differences mean something.
 *
 * A span of time that began in slot g, decided at real time R(g) with log time L(g), must not end early: for every later
 * slot e, L(e) - L(g) <= R(e) - R(g) + one step (`timeLimits.maxStepMs`). What a replica proposes is its clock less its line, so
 * that holds when its line is never below R(g) - L(g) less a step, for every slot g that it has applied.
 */
export class LogLine {
  #ms: number;

  constructor(nowMs: number, logTimeMs: number) {
    this.#ms = nowMs - logTimeMs;
  }

  logTimeAt(nowMs: number): number {
    return Math.floor(nowMs - this.#ms);
  }

  /**
   * A slot was applied, which may have been decided as late as now. A line that is later than log time itself loses
   * nothing by following it: what is decided is decided. One that is more than a step earlier would let end early what began in the
   * slot, if a span of time could begin there.
   * @returns how much further behind its own clock the line is now, in milliseconds
   */
  applied(nowMs: number, logTimeMs: number, timed: boolean): number {
    const decidedMs = nowMs - logTimeMs;
    const beforeMs = this.#ms;
    this.#ms = Math.min(this.#ms, decidedMs);
    if (timed) this.#ms = Math.max(this.#ms, decidedMs - timeLimits.maxStepMs);
    return Math.max(0, this.#ms - beforeMs);
  }

  /** So much did not count. */
  skip(ms: number): void {
    this.#ms += ms;
  }
}
