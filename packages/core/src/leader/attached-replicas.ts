import type { Message } from "../message.js";
import type { Outputs } from "../output.js";

/** The replicas that a leader is connected with, and for how long it has been without any. */
export class AttachedReplicas {
  readonly #outputs: Outputs;
  readonly #ids = new Set<string>();
  #ticksWithoutAny = 0;

  constructor(outputs: Outputs) {
    this.#outputs = outputs;
  }

  get any(): boolean {
    return this.#ids.size > 0;
  }

  get ticksWithoutAny(): number {
    return this.#ticksWithoutAny;
  }

  connected(id: string): void {
    this.#ids.add(id);
  }

  disconnected(id: string): void {
    this.#ids.delete(id);
  }

  tick(): void {
    this.#ticksWithoutAny = this.any ? 0 : this.#ticksWithoutAny + 1;
  }

  /** Sends to each of them. */
  tell(message: Message): void {
    for (const id of this.#ids) this.#outputs.send({ role: "replica", id }, message);
  }
}
