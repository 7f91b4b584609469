import type { Scheduler } from "@synod/wire";

/** A replica that has read a snapshot to its end installs it, and has asked for the log behind it within this. */
const awaitedMs = 60_000;
/** Of more readers at a time the earliest are forgotten; each replica counts once. */
const mostReaders = 16;

interface Awaited {
  readonly slot: number;
  readonly untilMs: number;
}

/**
 * The log behind snapshots that replicas have just read. Without it a reader would need another snapshot at once, and again
 * after that one, for as long as much is written (rule 19).
 */
export class AwaitedLogs {
  readonly #scheduler: Scheduler;
  readonly #readers = new Map<string, Awaited>();

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** The replica has the whole state as it was after the slot, and will want what follows. */
  add(replica: string, slot: number): void {
    this.#readers.delete(replica);
    this.#readers.set(replica, { slot, untilMs: this.#scheduler.nowMs() + awaitedMs });
    const [earliest] = this.#readers.keys();
    if (this.#readers.size > mostReaders && earliest !== undefined) this.#readers.delete(earliest);
  }

  /** The slots of the snapshots behind which a log is still awaited. */
  get slots(): readonly number[] {
    const now = this.#scheduler.nowMs();
    for (const [replica, { untilMs }] of this.#readers) if (untilMs <= now) this.#readers.delete(replica);
    return [...this.#readers.values()].map(({ slot }) => slot);
  }
}
