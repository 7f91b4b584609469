import type { Scheduler } from "@synod/wire";

/** Whoever is never idle rests so many times as long as one that is. */
const mostRests = 4;

/**
 * A time in which a replica does nothing more of what is heavy: it counts in the time that the process has nothing to do, so that all
 * that a heavy piece of work leaves behind is done before the next. A process that is never idle rests for a while all the same.
 */
export class Rest {
  readonly #scheduler: Pick<Scheduler, "nowMs" | "idleMs">;
  #atMs = 0;
  #atIdleMs = 0;

  constructor(scheduler: Pick<Scheduler, "nowMs" | "idleMs">) {
    this.#scheduler = scheduler;
  }

  begin(): void {
    this.#atMs = this.#scheduler.nowMs();
    this.#atIdleMs = this.#scheduler.idleMs();
  }

  /** It has lasted for so long. */
  lasted(ms: number): boolean {
    if (this.#scheduler.idleMs() - this.#atIdleMs >= ms) return true;
    return this.#scheduler.nowMs() - this.#atMs >= mostRests * ms;
  }
}
