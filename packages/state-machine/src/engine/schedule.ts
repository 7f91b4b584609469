import type { OrderedMap } from "@synod/core";
import { dueKeys, isDue, isDueKey, type NextDue, nextDue, scheduledIn } from "./due.js";
import { timeLimits } from "./limits.js";
import type { LogTimes } from "./log-time.js";

/** The commands that wait for log time (rule 16), of all services. */
export class Schedule {
  readonly #state: OrderedMap;
  #next: NextDue;
  /** Written since `#next` was read. */
  #changed = false;
  /** The number of commands that wait. */
  length: number;

  constructor(state: OrderedMap) {
    this.#state = state;
    this.#next = nextDue(state);
    this.length = 0;
    for (const _ of scheduledIn(state)) this.length++;
  }

  /** The times at which the next ones are due. */
  get next(): NextDue {
    return this.#next;
  }

  /** A key of the state was written. */
  written(key: Uint8Array): void {
    if (isDueKey(key)) this.#changed = true;
  }

  /** Keys of those that are due, at most as many as run in one slot, in the order in which they run. */
  due(time: LogTimes): readonly Uint8Array[] {
    if (this.#changed) this.refresh();
    return isDue(this.#next, time) ? dueKeys(this.#state, time, timeLimits.maxDuePerSlot) : [];
  }

  refresh(): void {
    this.#next = nextDue(this.#state);
    this.#changed = false;
  }
}
