import type { SeededBytes } from "../engine/seeded.js";

/** The clock and the chance of a realm while a command or query runs. */
export interface Moment {
  /** Log time. */
  readonly timeMs: number;
  readonly chance: SeededBytes;
}

/** Handlers are synchronous and do not nest, so there is at most one in the process, whatever realm it runs in. */
let running: Moment | undefined;

/** Undefined while no command or query runs: when a module is loaded, and in `validate`. */
export function moment(): Moment | undefined {
  return running;
}

export function during<Result>(now: Moment, work: () => Result): Result {
  running = now;
  try {
    return work();
  } finally {
    running = undefined;
  }
}
