/** The shortest wait before something counts as lost, and is proposed again. */
const shortestMs = 2_000;
/** The longest. */
const longestMs = 60_000;

/**
 * The patience with something of this process's own that was proposed and is not decided yet. Nearly always it is only late, behind
 * slow links or a long queue, and another copy would make the next ones later: so it doubles with each (rule 29).
 */
export class Patience {
  readonly #nowMs: () => number;
  #proposedAtMs: number | undefined;
  #waitMs = shortestMs;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Nothing was proposed, or so long ago that it counts as lost. */
  get over(): boolean {
    return this.#proposedAtMs === undefined || this.#nowMs() - this.#proposedAtMs > this.#waitMs;
  }

  /** It is proposed now, perhaps again. */
  proposed(): void {
    this.#waitMs = this.#proposedAtMs === undefined ? shortestMs : Math.min(2 * this.#waitMs, longestMs);
    this.#proposedAtMs = this.#nowMs();
  }

  /** It was decided, or nobody wants it any more. */
  settled(): void {
    this.#proposedAtMs = undefined;
  }
}
