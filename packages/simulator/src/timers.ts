import type { Scheduler } from "@synod/wire";

interface Timer {
  at: number;
  readonly every: number | undefined;
  readonly work: () => void;
}

/** The event loop of one life of a simulated process: nothing happens unless the world gives it the processor. */
export class Timers implements Scheduler {
  readonly #nowMs: () => number;
  /** In the order in which they were set. */
  readonly #timers = new Set<Timer>();
  #soon: (() => void)[] = [];
  #ended = false;
  /** Work has taken the process so far, and so long in all. */
  #workedUntilMs = 0;
  #workedMs = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return Math.max(this.#nowMs(), this.#workedUntilMs);
  }

  /** A process whose work takes no time is never idle: what a busy one does for others' sake is done in such worlds too. */
  idleMs(): number {
    return this.#workedMs === 0 ? 0 : this.nowMs() - this.#workedMs;
  }

  /** What is being done takes the process so long. */
  work(ms: number): void {
    this.#workedUntilMs = this.nowMs() + ms;
    this.#workedMs += ms;
  }

  soon(work: () => void): void {
    this.#soon.push(work);
  }

  after(ms: number, work: () => void): () => void {
    return this.#set({ at: this.#nowMs() + ms, every: undefined, work });
  }

  every(ms: number, work: () => void): () => void {
    return this.#set({ at: this.#nowMs() + ms, every: ms, work });
  }

  /** Calls what is due: once each, however late. */
  tick(): void {
    const now = this.#nowMs();
    for (const timer of [...this.#timers]) {
      if (timer.at > now || !this.#timers.has(timer)) continue;
      if (timer.every === undefined) this.#timers.delete(timer);
      else timer.at = now + timer.every;
      timer.work();
    }
  }

  /** Calls what was to be done soon. */
  turn(): void {
    for (const work of this.#soon.splice(0)) {
      if (this.#ended) return;
      work();
    }
  }

  /** The process has ended, perhaps within what it was doing: nothing more is called. */
  end(): void {
    this.#ended = true;
    this.#timers.clear();
    this.#soon = [];
  }

  #set(timer: Timer): () => void {
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }
}
