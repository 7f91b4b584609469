import type { Limits } from "../limits.js";
import { type Value, valueBytes } from "../pvalue.js";

/**
 * Proposals that wait for a slot (rule 10), in the order they came, each once. What finds no room is dropped: its replica
 * proposes it again (rule 14).
 */
export class ProposalQueue {
  readonly #limits: Limits;
  readonly #waiting = new Map<string, Value>();
  #bytes = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#waiting.size;
  }

  add(key: string, value: Value): void {
    const bytes = valueBytes(value);
    if (this.#waiting.has(key) || !this.#hasRoom(bytes)) return;
    this.#waiting.set(key, value);
    this.#bytes += bytes;
  }

  /** The oldest one, which is out of the queue then. */
  take(): readonly [key: string, value: Value] | undefined {
    for (const entry of this.#waiting) {
      const [key, value] = entry;
      this.#waiting.delete(key);
      this.#bytes -= valueBytes(value);
      return entry;
    }
    return undefined;
  }

  /** One has room in any case, however large. */
  #hasRoom(bytes: number): boolean {
    const { maxQueuedProposals, maxQueuedBytes } = this.#limits;
    if (this.size === 0) return true;
    return this.size < maxQueuedProposals && this.#bytes + bytes <= maxQueuedBytes;
  }
}
