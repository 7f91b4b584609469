/** Wall time where a simulated world begins, in milliseconds since 1970. */
const wallStartMs = 1_000_000_000_000;

/** A machine's clocks: one that only counts, a little too fast or too slowly, and one that jumps. */
export class Clock {
  readonly #nowMs: () => number;
  readonly #rate: number;
  #jumpedMs = 0;

  /** @param nowMs true time since the world began */
  constructor(nowMs: () => number, rate: number) {
    this.#nowMs = nowMs;
    this.#rate = rate;
  }

  get monotonicMs(): number {
    return this.#nowMs() * this.#rate;
  }

  get wallMs(): number {
    return wallStartMs + this.monotonicMs + this.#jumpedMs;
  }

  jump(ms: number): void {
    this.#jumpedMs += ms;
  }
}
