import type { Call } from "./call.js";

/** The calls that have a number, within a bound of bytes. */
export class Outstanding {
  readonly #maxBytes: number;
  readonly #calls = new Set<Call>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get size(): number {
    return this.#calls.size;
  }

  [Symbol.iterator](): Iterator<Call> {
    return this.#calls.values();
  }

  /** One has room by itself, however large. */
  hasRoomFor(call: Call): boolean {
    return this.size === 0 || this.#bytes + call.askedBytes <= this.#maxBytes;
  }

  add(call: Call): void {
    this.#calls.add(call);
    this.#bytes += call.askedBytes;
  }

  delete(call: Call): void {
    if (this.#calls.delete(call)) this.#bytes -= call.askedBytes;
  }
}
