import type { Limits } from "@synod/core";
import type { Scheduler } from "@synod/wire";
import type { Caller } from "../../transport/places.js";
import type { BatchLimits } from "./batch-room.js";

/** A connection counts as one that asks for so long after its last command. */
const asksForMs = 1_000;
/** The time over which a process is busy or not: busy when it has something to do in more than half of it. */
const judgedMs = 100;
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
 * How much one connection may have under way: a batch's worth of commands, and the bytes of all the proposals there may be. While
 * others ask too and this process is busy, it is so little that these hardly wait for it; where it is not, what is under way
 * is on its way, over links that take long, and nobody waits behind it.
 */
export class Contention {
  readonly #whole: BatchLimits;
  readonly #part: BatchLimits;
  readonly #scheduler: Pick<Scheduler, "nowMs" | "idleMs">;
  #last: Asked | undefined;
  /** The last one of another connection than that. */
  #other: Asked | undefined;
  #judgedAtMs = 0;
  #idleAtMs = 0;
  #busy = true;

  constructor(
    { maxBatchCommands, maxBatchBytes, maxOutstandingProposals }: ShareLimits,
    scheduler: Pick<Scheduler, "nowMs" | "idleMs">,
  ) {
    this.#whole = { maxBatchCommands, maxBatchBytes: maxBatchBytes * maxOutstandingProposals };
    this.#part = {
      maxBatchCommands: Math.max(leastCommands, Math.floor(maxBatchCommands / partOfCommands)),
      maxBatchBytes: Math.floor(maxBatchBytes / partOfBytes),
    };
    this.#scheduler = scheduler;
  }

  asks(caller: Caller): void {
    if (this.#last !== undefined && this.#last.caller !== caller) this.#other = this.#last;
    const atMs = this.#scheduler.nowMs();
    this.#last = { caller, atMs };
    if (atMs - this.#judgedAtMs >= judgedMs) this.#judge(atMs);
  }

  get share(): BatchLimits {
    const others = this.#other !== undefined && this.#scheduler.nowMs() - this.#other.atMs < asksForMs;
    return others && this.#busy ? this.#part : this.#whole;
  }

  #judge(atMs: number): void {
    const idleMs = this.#scheduler.idleMs();
    this.#busy = idleMs - this.#idleAtMs < (atMs - this.#judgedAtMs) / 2;
    this.#judgedAtMs = atMs;
    this.#idleAtMs = idleMs;
  }
}
