import { type Command, commandBytes } from "../command.js";
import type { Limits } from "../limits.js";
import type { Refusal } from "../output.js";
import { Queue } from "../queue.js";

/** Clients' commands that wait to be proposed, in the order in which they came, within bounds (rule 12). */
export class CommandQueue {
  readonly #limits: Limits;
  readonly #commands = new Queue<Command>();
  #bytes = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#commands.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @returns why there is no room for the command; undefined when it waits now */
  add(command: Command): Refusal | undefined {
    const bytes = commandBytes(command);
    const { maxBatchBytes, maxQueuedBytes, maxQueuedCommands } = this.#limits;
    if (bytes > maxBatchBytes) return "command-too-large";
    if (this.size >= maxQueuedCommands || this.#bytes + bytes > maxQueuedBytes) return "queue-full";
    this.#commands.push(command);
    this.#bytes += bytes;
    return undefined;
  }

  /** Takes the oldest out, as many as one batch may hold (rule 13). */
  takeBatch(): Command[] {
    const { maxBatchCommands, maxBatchBytes } = this.#limits;
    const batch: Command[] = [];
    let bytes = 0;
    for (
      let next = this.#commands.first;
      next && batch.length < maxBatchCommands;
      next = this.#commands.first
    ) {
      const more = commandBytes(next);
      if (bytes > 0 && bytes + more > maxBatchBytes) break;
      bytes += more;
      batch.push(next);
      this.#commands.shift();
    }
    this.#bytes -= bytes;
    return batch;
  }

  takeAll(): Command[] {
    this.#bytes = 0;
    return this.#commands.takeAll();
  }
}
