/** The longest wait before something goes again, as a multiple of the shortest. */
const longestWait = 8;

/**
 * The time in which somebody answers, in ticks, and how much it varies, as TCP measures them (RFC 6298). What is asked of
 * them goes again when it is late by that measure, and then after waits that double: a request that is late already must
 * not be joined by copies of itself (rules 6, 8 and 14).
 */
export class RoundTrip {
  readonly #shortest: number;
  #smoothed: number | undefined;
  #variation = 0;

  /** @param shortest ticks that nothing goes again before */
  constructor(shortest: number) {
    this.#shortest = shortest;
  }

  /** Something is asked now. */
  begin(): Repetition {
    return new Repetition(this, this.#shortest);
  }

  /** Ticks until what is asked now goes again. */
  get wait(): number {
    return Math.max(this.#shortest, Math.ceil((this.#smoothed ?? 0) + Math.max(1, 4 * this.#variation)));
  }

  took(ticks: number): void {
    const sample = Math.min(ticks, longestWait * this.#shortest);
    const smoothed = this.#smoothed ?? sample;
    this.#variation =
      this.#smoothed === undefined ? sample / 2 : 0.75 * this.#variation + 0.25 * Math.abs(sample - smoothed);
    this.#smoothed = smoothed + (sample - smoothed) / 8;
  }

  /** An answer came to something that was sent more than once: nobody knows to which copy, so half of the time counts. */
  tookAtMost(ticks: number): void {
    const half = (ticks + 1) / 2;
    if (half > (this.#smoothed ?? 0)) this.took(half);
  }
}

/** The copies of one request that have gone, and the time for the next. */
export class Repetition {
  readonly #roundTrip: RoundTrip;
  readonly #longest: number;
  #wait: number;
  #left: number;
  #ticks = 0;
  #repeated = false;

  constructor(roundTrip: RoundTrip, shortest: number) {
    this.#roundTrip = roundTrip;
    this.#wait = roundTrip.wait;
    this.#longest = Math.max(this.#wait, longestWait * shortest);
    this.#left = this.#wait;
  }

  /** A tick has passed. @returns true when it is time for another copy */
  tick(): boolean {
    this.#ticks++;
    if (--this.#left > 0) return false;
    this.#repeated = true;
    this.#wait = Math.min(2 * this.#wait, this.#longest);
    this.#left = this.#wait;
    return true;
  }

  /** Puts the next copy off by a part of the wait, so that what began together does not go again together. */
  spread(by: number): void {
    this.#left += by % Math.max(1, this.#wait >> 2);
  }

  /** The answer has come. */
  answered(): void {
    if (this.#repeated) this.#roundTrip.tookAtMost(this.#ticks);
    else this.#roundTrip.took(this.#ticks);
  }
}
