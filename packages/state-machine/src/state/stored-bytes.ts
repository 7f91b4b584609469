import type { OrderedMap } from "@synod/core";
import { Status } from "../definition/status.js";
import { isScheduleKey } from "../engine/due.js";
import { failed, type Outcome } from "../engine/execution.js";
import { isServiceKey } from "./layout.js";
import type { PendingWrite } from "./write-set.js";

/**
 * Counts what services store and have scheduled, and refuses growth beyond the quota: alike on every replica, because what it counts and the
 * quota are replicated state. What shrinks the state, or leaves it as large, is never refused, so deleting clears it.
 */
export class StoredBytes {
  readonly #state: OrderedMap;
  /** Keys and values, of all services, and their scheduled commands. */
  total: number;

  constructor(state: OrderedMap, total: number) {
    this.#state = state;
    this.total = total;
  }

  /** The outcome itself, its growth counted, or the refusal in its place. */
  admit(outcome: Outcome, quotaBytes: number): Outcome {
    if (outcome.writes.length === 0) return outcome;
    const growth = outcome.writes.reduce((sum, write) => sum + this.#growth(write), 0);
    if (growth > 0 && this.total + growth > quotaBytes)
      return {
        ...failed(Status.resourceExhausted, this.#beyond(growth, quotaBytes)),
        readBytes: outcome.readBytes,
      };
    this.total += growth;
    return outcome;
  }

  #beyond(growth: number, quotaBytes: number): string {
    return (
      `the services have stored ${this.total} bytes of at most ${quotaBytes}, and this would add ${growth}; ` +
      "delete something, or raise the quota"
    );
  }

  /** A write is about to be made that is never refused. */
  count(write: PendingWrite): void {
    this.total += this.#growth(write);
  }

  #growth({ key, value }: PendingWrite): number {
    if (!isServiceKey(key) && !isScheduleKey(key)) return 0;
    const before = this.#state.get(key);
    const after = value === undefined ? 0 : key.length + value.length;
    return after - (before === undefined ? 0 : key.length + before.length);
  }
}
