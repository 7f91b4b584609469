import type { Limits } from "../limits.js";
import { type Random, randomBelow } from "../prng.js";

/**
 * Random delays before attempts to lead (rule 11; PMMC 3), so that leaders do not preempt each other for ever. Each is
 * drawn from twice as many ticks as the one before, up to a bound, until a slot is decided.
 */
export class ElectionDelay {
  readonly #limits: Limits;
  readonly #random: Random;
  #mostTicks: number;

  constructor(limits: Limits, random: Random) {
    this.#limits = limits;
    this.#random = random;
    this.#mostTicks = limits.delayTicks;
  }

  /** Ticks until the next attempt. */
  next(): number {
    const ticks = 1 + randomBelow(this.#random, this.#mostTicks);
    this.#mostTicks = Math.min(this.#mostTicks * 2, this.#limits.maxDelayTicks);
    return ticks;
  }

  /** Ticks by which leaders differ in when they suspect another. */
  jitter(): number {
    return randomBelow(this.#random, this.#limits.delayTicks);
  }

  /** A slot was decided: whoever leads gets on. */
  restart(): void {
    this.#mostTicks = this.#limits.delayTicks;
  }
}
