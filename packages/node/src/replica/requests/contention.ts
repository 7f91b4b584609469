import type { Limits } from "@synod/core";
import type { BatchLimits } from "./batch-room.js";
import type { Caller } from "./places.js";

/** A connection counts as one that asks for so long after its last command. */
const asksForMs = 1_000;
/** The parts of a batch, in commands and in bytes, that one of several connections may have under way, and the least of it. */
const partOfCommands = 16;
const partOfBytes = 2;
const leastCommands = 4;

export type ShareLimits = BatchLimits & Pick<Limits, "maxOutstandingProposals">;

interface Asked {
  readonly caller: Caller;
  readonly atMs: number;
}

/**
 * How much one connection may have under way: a batch's worth of commands, and the bytes of all the proposals there may be, while
 * nobody else asks for anything; otherwise so little that the others hardly wait for it.
 */
export class Contention {
  readonly #whole: BatchLimits;
  readonly #part: BatchLimits;
  readonly #nowMs: () => number;
  #last: Asked | undefined;
  /** The last one of another connection than that. */
  #other: Asked | undefined;

  constructor(
    { maxBatchCommands, maxBatchBytes, maxOutstandingProposals }: ShareLimits,
    nowMs: () => number,
  ) {
    this.#whole = { maxBatchCommands, maxBatchBytes: maxBatchBytes * maxOutstandingProposals };
    this.#part = {
      maxBatchCommands: Math.max(leastCommands, Math.floor(maxBatchCommands / partOfCommands)),
      maxBatchBytes: Math.floor(maxBatchBytes / partOfBytes),
    };
    this.#nowMs = nowMs;
  }

  asks(caller: Caller): void {
    if (this.#last !== undefined && this.#last.caller !== caller) this.#other = this.#last;
    this.#last = { caller, atMs: this.#nowMs() };
  }

  get share(): BatchLimits {
    const others = this.#other !== undefined && this.#nowMs() - this.#other.atMs < asksForMs;
    return others ? this.#part : this.#whole;
  }
}
