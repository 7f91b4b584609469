import type { CommitDone } from "./commit-queue.js";
import type { StoreError } from "./error.js";

/** Commits of a disk in memory: done at once, or held until told, so that a test chooses what a crash takes. */
export class HeldCommits {
  /** While true, commits wait for `release`. */
  hold = false;
  #held: { readonly apply: () => void; readonly done: CommitDone }[] = [];

  /** True while a commit waits. */
  get waiting(): boolean {
    return this.#held.length > 0;
  }

  submit(apply: () => void, done: CommitDone): void {
    this.#held.push({ apply, done });
    if (!this.hold) this.release();
  }

  /** Ends the commits that wait, and those that start because of it. */
  release(): void {
    while (this.waiting) this.releaseOne();
  }

  /** Ends the commit that has waited longest. */
  releaseOne(): void {
    const next = this.#held.shift();
    next?.apply();
    next?.done();
  }

  /** Makes the commit durable that has waited longest, which nobody is told. */
  applyOne(): void {
    this.#held.shift()?.apply();
  }

  /** Fails the commits that wait. */
  fail(error: StoreError): void {
    const failed = this.#held;
    this.#held = [];
    for (const { done } of failed) done(error);
  }

  /** Forgets the commits that wait: they never end. */
  drop(): void {
    this.#held = [];
  }
}
