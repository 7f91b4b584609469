import { setImmediate } from "node:timers/promises";
import type { Scheduler } from "@synod/wire";

interface Due {
  readonly atMs: number;
  readonly work: () => void;
}

/** Turns of the event loop in which promises settle before time goes on. */
const turns = 4;

/** Time that passes when it is told to, as fast as what happens in it allows. */
export class VirtualTime implements Scheduler {
  #nowMs = 0;
  #busyMs = 0;
  readonly #due = new Set<Due>();

  nowMs(): number {
    return this.#nowMs;
  }

  idleMs(): number {
    return this.#nowMs - this.#busyMs;
  }

  /** What is called takes so long. */
  work(ms: number): void {
    this.#nowMs += ms;
    this.#busyMs += ms;
  }

  soon(work: () => void): void {
    this.after(0, work);
  }

  after(ms: number, work: () => void): () => void {
    const due = { atMs: this.#nowMs + ms, work };
    this.#due.add(due);
    return () => this.#due.delete(due);
  }

  every(ms: number, work: () => void): () => void {
    let cancel = () => {};
    const again = () => {
      cancel = this.after(ms, () => {
        again();
        work();
      });
    };
    again();
    return () => cancel();
  }

  async pass(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      for (let turn = 0; turn < turns; turn++) await setImmediate();
      const [next] = [...this.#due].sort((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > untilMs) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#due.delete(next);
      next.work();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }
}
