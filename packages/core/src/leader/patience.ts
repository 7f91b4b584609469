/** The longest patience, as a multiple of the first. */
const longest = 16;

/**
 * The ticks after which something that does not end is given up: twice as many after each time in vain, since the next
 * attempt begins anew and has all of it before it once more, up to a bound.
 */
export class Patience {
  readonly #first: number;
  #ticks: number;

  constructor(first: number) {
    this.#first = first;
    this.#ticks = first;
  }

  get ticks(): number {
    return this.#ticks;
  }

  /** It was given up. */
  inVain(): void {
    this.#ticks = Math.min(2 * this.#ticks, longest * this.#first);
  }

  /** It ended well. */
  rewarded(): void {
    this.#ticks = this.#first;
  }

  /** A part of it was done: the next part may take as long. */
  gotOn(): void {
    this.#ticks -= Math.ceil((this.#ticks - this.#first) / 8);
  }
}
