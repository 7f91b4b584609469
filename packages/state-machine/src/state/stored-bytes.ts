import type { OrderedMap } from "@synod/core";
import { Status } from "../definition/status.js";
import { failed, type Outcome } from "../engine/execution.js";
import { isServiceKey } from "./layout.js";
import type { PendingWrite } from "./write-set.js";

/**
 * Counts what services store, and refuses growth beyond the quota: alike on every replica, because what it counts and the
 * quota are replicated state. What shrinks the state, or leaves it as large, is never refused, so deleting clears it.
 */
export class StoredBytes {
  readonly #state: OrderedMap;
  /** Keys and values, of all services. */
  total: number;

  constructor(state: OrderedMap, total: number) {
    this.#state = state;
    this.total = total;
  }

  /** The outcome itself, its growth counted, or the refusal in its place. */
  admit(outcome: Outcome, quotaBytes: number): Outcome {
    if (outcome.writes.length === 0) return outcome;
    let growth = 0;
    for (const write of outcome.writes) growth += this.#growth(write);
    if (growth > 0 && this.total + growth > quotaBytes)
      return failed(
        Status.resourceExhausted,
        `the services have stored ${this.total} bytes of at most ${quotaBytes}, and this would add ${growth}; ` +
          "delete something, or raise the quota",
      );
    this.total += growth;
    return outcome;
  }

  #growth({ key, value }: PendingWrite): number {
    if (!isServiceKey(key)) return 0;
    const before = this.#state.get(key);
    const after = value === undefined ? 0 : key.length + value.length;
    return after - (before === undefined ? 0 : key.length + before.length);
  }
}
