import type { Command } from "@synod/core";
import { advanceTimeMethod, type Engine } from "@synod/state-machine";
import { advanceAfterMs, type LogClock } from "./log-clock.js";
import { systemCommand } from "./system-commands.js";

/** Between looks at whether log time must move by itself, in milliseconds. */
export const advanceCheckMs = 20;

/** Until a proposal that only carries time counts as lost. */
const againMs = 2_000;

export interface LogTimeMoverOptions {
  readonly engine: Pick<Engine, "nextDueMs">;
  readonly clock: Pick<LogClock, "elapsedMs">;
  /** Of this replica among all. */
  position(): number;
  propose(command: Command): void;
}

/**
 * Log time moves with batches alone (rule 16). While something waits for it and nobody else proposes, this replica proposes
 * a command that does nothing: one at a time, and again only when that one seems lost.
 */
export class LogTimeMover {
  readonly #options: LogTimeMoverOptions;
  /** What the clock had counted when log time was moved last without a command to carry it. */
  #advancedAt: number | undefined;

  constructor(options: LogTimeMoverOptions) {
    this.#options = options;
  }

  /** To be called every `advanceCheckMs` while commands can be decided. */
  tick(): void {
    const { engine, clock, position, propose } = this.#options;
    if (engine.nextDueMs === undefined) return;
    const { elapsedMs } = clock;
    if (elapsedMs < advanceAfterMs(position())) this.#advancedAt = undefined;
    else if (this.#advancedAt === undefined || elapsedMs - this.#advancedAt > againMs) {
      this.#advancedAt = elapsedMs;
      propose(systemCommand(advanceTimeMethod));
    }
  }
}
