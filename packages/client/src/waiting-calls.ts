import { FairQueue } from "@synod/wire";
import type { Call } from "./call.js";

/** The calls that wait for a number: those of each service take turns. */
export class WaitingCalls {
  readonly #calls = new FairQueue<Call>();
  #bytes = 0;

  get size(): number {
    return this.#calls.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get all(): Call[] {
    return this.#calls.all;
  }

  /** The next in turn. */
  get first(): Call | undefined {
    return this.#calls.first;
  }

  /** @param again it was outstanding before, and goes first */
  add(call: Call, again = false): void {
    this.#calls.add(call.operation.service, call, again);
    this.#bytes += call.askedBytes;
  }

  /** Takes the next in turn out. */
  take(): void {
    const call = this.#calls.take();
    if (call) this.#bytes -= call.askedBytes;
  }

  delete(call: Call): void {
    if (this.#calls.remove(call.operation.service, call)) this.#bytes -= call.askedBytes;
  }
}
