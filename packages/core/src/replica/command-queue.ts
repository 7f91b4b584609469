import { type Command, commandBytes } from "../command.js";
import type { Limits } from "../limits.js";
import type { Refusal } from "../output.js";

/** Clients' commands that wait to be proposed, in the order in which they came, within bounds (rule 12). */
export class CommandQueue {
  readonly #limits: Limits;
  #commands: Command[] = [];
  /** Index of the oldest that waits: those before it were taken. */
  #start = 0;
  #bytes = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#commands.length - this.#start;
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
    let bytes = 0;
    let end = this.#start;
    for (; end < this.#commands.length && end - this.#start < maxBatchCommands; end++) {
      const next = commandBytes(this.#commands[end] as Command);
      if (bytes > 0 && bytes + next > maxBatchBytes) break;
      bytes += next;
    }
    const batch = this.#commands.slice(this.#start, end);
    this.#start = end;
    this.#bytes -= bytes;
    this.#compact();
    return batch;
  }

  takeAll(): Command[] {
    const all = this.#commands.slice(this.#start);
    this.#commands = [];
    this.#start = 0;
    this.#bytes = 0;
    return all;
  }

  #compact(): void {
    if (this.size > 0 && this.#start <= this.#limits.maxQueuedCommands) return;
    this.#commands = this.#commands.slice(this.#start);
    this.#start = 0;
  }
}
