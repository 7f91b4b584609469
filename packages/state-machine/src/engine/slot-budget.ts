import type { Outcome } from "./execution.js";
import type { SlotLimits } from "./limits.js";

type Spent = Pick<Outcome, "message" | "response" | "details"> &
  Partial<Pick<Outcome, "writes" | "readBytes">>;

/**
 * Counts the memory and work that the commands of one slot have taken. A batch is bounded by its requests, and small requests may write,
 * read and answer much: without this bound, a slot that is decided once could end every replica, at every start.
 */
export class SlotBudget {
  readonly #limits: SlotLimits;
  #left: number;

  constructor(limits: SlotLimits, maxBytes: number) {
    this.#limits = limits;
    this.#left = maxBytes;
  }

  /** No further command is to be executed in this slot. */
  get full(): boolean {
    return this.#left <= 0;
  }

  /** @returns the bytes counted */
  spend({ message, response, details, writes = [], readBytes = 0 }: Spent): number {
    const { writtenRowBytes, answerBytes } = this.#limits;
    let bytes = readBytes + answerBytes + message.length + response.length + (details?.length ?? 0);
    for (const { key, value } of writes) bytes += writtenRowBytes + 2 * key.length + (value?.length ?? 0);
    this.#left -= bytes;
    return bytes;
  }
}
