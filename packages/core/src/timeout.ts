/** Counts ticks down. The one way time is measured in this package. */
export class Timeout {
  #left: number;

  /** @param ticks how many ticks until it fires */
  constructor(ticks: number) {
    this.#left = ticks;
  }

  /** Call once a tick. True on the tick it fires; it stays fired until started again. */
  tick(): boolean {
    if (this.#left > 0) this.#left--;
    return this.#left === 0;
  }

  get fired(): boolean {
    return this.#left === 0;
  }

  start(ticks: number): void {
    this.#left = ticks;
  }
}
