import type { StoreError } from "./error.js";

/** Told once when a commit has ended, with the error if it failed. */
export type CommitDone = (error?: StoreError) => void;

/** Writes something and says when it is durable. */
export type Commit = (done: CommitDone) => void;

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: StoreError) => void;
}

interface Job {
  readonly run: Commit;
  /** Those whose writes it covers; an exclusive job has one and takes no more. */
  readonly waiters: Waiter[];
  readonly exclusive: boolean;
}

/**
 * Commits one after the other, never two at once: whatever is written while one is under way shares the next (group
 * commit). The first failure is the last word: every later commit fails with it, and none is tried, because after a
 * failed sync the kernel may call pages clean that never reached the disk (rule 4).
 */
export class CommitQueue {
  readonly #run: Commit;
  readonly #schedule: (start: () => void) => void;
  #jobs: Job[] = [];
  #busy = false;
  #failure: StoreError | undefined;

  /**
   * `run` writes all that is pending and says when it is durable. `schedule` has it start between two turns of the
   * event loop, so that it covers all writes of a turn and never a part of what one call wrote.
   */
  constructor(run: Commit, schedule: (start: () => void) => void) {
    this.#run = run;
    this.#schedule = schedule;
  }

  get failure(): StoreError | undefined {
    return this.#failure;
  }

  /** Resolves when everything written before the call is durable. */
  commit(): Promise<void> {
    const last = this.#jobs.at(-1);
    return this.#add(last && !last.exclusive ? last : { run: this.#run, waiters: [], exclusive: false });
  }

  /** Resolves when `run`, which has the disk to itself and its turn after what was asked for before, has ended. */
  exclusive(run: Commit): Promise<void> {
    return this.#add({ run, waiters: [], exclusive: true });
  }

  #add(job: Job): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      job.waiters.push({ resolve, reject });
      if (job !== this.#jobs.at(-1)) this.#jobs.push(job);
      this.#next();
    });
  }

  #next(): void {
    if (this.#busy || this.#jobs.length === 0) return;
    this.#busy = true;
    this.#schedule(() => {
      const job = this.#jobs.shift() as Job;
      job.run((error) => this.#end(job.waiters, error));
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
    const refused = [...covered, ...this.#jobs.flatMap((job) => job.waiters)];
    this.#jobs = [];
    for (const waiter of refused) waiter.reject(error);
  }
}

/** Starts a commit when the present turn's callbacks have run. */
export function afterThisTurn(start: () => void): void {
  setImmediate(start);
}
