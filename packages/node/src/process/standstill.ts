/** Looks in a row, at a count that another thread raises, without which nothing has come of one thing for too long. */
export const mostLooks = 40;

/**
 * Tells when a count has stood still within one thing. It counts looks rather than time: a process that was stopped as a
 * whole, or a machine that slept, is not a handler that does not return.
 */
export class Standstill {
  #last = 0;
  #seen = 0;

  /** @param count of what is begun; 0 while nothing is. @returns true when it has stood still for all looks */
  look(count: number): boolean {
    this.#seen = count !== 0 && count === this.#last ? this.#seen + 1 : 0;
    this.#last = count;
    return this.#seen >= mostLooks;
  }
}
