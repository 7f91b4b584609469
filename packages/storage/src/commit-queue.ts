import type { StoreError } from "./error.js";

/** Told once when a commit has ended, with the error if it failed. */
export type CommitDone = (error?: StoreError) => void;

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: StoreError) => void;
}

/**
 * Commits one after the other, never two at once: whatever is written while one is under way shares the next (group
 * commit). The first failure is the last word: every later commit fails with it, and none is tried, because after a
 * failed sync the kernel may call pages clean that never reached the disk (rule 4).
 */
export class CommitQueue {
  readonly #run: (done: CommitDone) => void;
  readonly #schedule: (start: () => void) => void;
  #waiting: Waiter[] = [];
  #busy = false;
  #failure: StoreError | undefined;

  /**
   * `run` writes all that is pending and says when it is durable. `schedule` has it start between two turns of the
   * event loop, so that it covers all writes of a turn and never a part of what one call wrote.
   */
  constructor(run: (done: CommitDone) => void, schedule: (start: () => void) => void) {
    this.#run = run;
    this.#schedule = schedule;
  }

  get failure(): StoreError | undefined {
    return this.#failure;
  }

  /** Resolves when everything written before the call is durable. */
  commit(): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    if (this.#busy || this.#waiting.length === 0) return;
    this.#busy = true;
    this.#schedule(() => {
      const covered = this.#waiting;
      this.#waiting = [];
      this.#run((error) => this.#end(covered, error));
    });
  }

  #end(covered: readonly Waiter[], error: StoreError | undefined): void {
    this.#busy = false;
    if (error === undefined) {
      for (const waiter of covered) waiter.resolve();
      this.#next();
      return;
    }
    this.#failure = error;
    const refused = [...covered, ...this.#waiting];
    this.#waiting = [];
    for (const waiter of refused) waiter.reject(error);
  }
}

/** Starts a commit when the present turn's callbacks have run. */
export function afterThisTurn(start: () => void): void {
  setImmediate(start);
}
