import type { Command } from "@synod/core";
import {
  advanceTimeMethod,
  type Engine,
  isDue,
  type SlotContent,
  systemService,
  timeLimits,
} from "@synod/state-machine";
import { Patience } from "../patience.js";
import type { SystemCommands } from "../system-commands.js";
import type { LogClock } from "./log-clock.js";

/** The time between looks at whether log time must move by itself, in milliseconds. */
export const advanceCheckMs = 20;

/** The time to wait for the first proposal of a replica that has just started, which its report mostly is. */
const untoldMs = 100;

/**
 * The delay after which this replica moves log time where the first has not. The others only step in where the first does not, and
 * all of them within one step.
 */
export function advanceAfterMs(position: number): number {
  return (timeLimits.maxStepMs * 0.8 * Math.min(position, 8)) / 8;
}

export interface LogTimeMoverOptions {
  readonly engine: Pick<Engine, "nextDue" | "logTime">;
  readonly clock: LogClock;
  readonly commands: SystemCommands;
  /** This replica's place among all, from 0: the first acts first. */
  position(): number;
  propose(command: Command): void;
  /** Clients' commands wait for the clock to be sure. */
  held(): boolean;
  /**
   * The clock is in doubt from now on: what waits to be proposed has to wait for it, and what was proposed says an old time if the
   * replica was away.
   */
  inDoubt(away: boolean): void;
}

/**
 * Log time moves with batches alone (rule 16). This replica proposes a command that does nothing when what is due waits for it,
 * when its own clock has to be heard, and when another's asks for what this one knows; never else, so that an idle cluster
 * decides nothing (rule 35). One at a time, and again only when that one seems lost.
 */
export class LogTimeMover {
  readonly #options: LogTimeMoverOptions;
  #dueSinceMs: number | undefined;
  /** The number of the last doubt that was told. */
  #doubtTold = 0;
  readonly #patience: Patience;

  constructor(options: LogTimeMoverOptions) {
    this.#options = options;
    this.#patience = new Patience(() => options.clock.nowMs);
  }

  /** A slot was applied. @param decided undefined: another state took this one's place @param own this process proposed it */
  applied(slot: number, decided: SlotContent | undefined, own: boolean): void {
    const { engine, clock } = this.#options;
    const batch = decided?.kind === "batch" ? decided : undefined;
    clock.applied({ slot, time: engine.logTime, said: batch, own });
    this.#tellDoubt();
    this.#dueSinceMs = undefined;
    // What was proposed may have been decided in a slot that was jumped over: nobody would say so.
    if (decided === undefined || (own && batch?.commands.some(movesTime))) this.#patience.settled();
  }

  /**
   * To be called every `advanceCheckMs`. @param obstacle nothing can be decided now, as far as is known: a leader that leads
   * nothing may pass on what it is told, and so a doubt for which clients wait is told all the same
   */
  tick(obstacle: boolean): void {
    const { clock, commands, propose, held } = this.#options;
    clock.tick(obstacle);
    this.#tellDoubt();
    const { nowMs } = clock;
    if (!obstacle && isDue(this.#options.engine.nextDue, clock.time)) this.#dueSinceMs ??= nowMs;
    if (!this.#patience.over) return;
    const wanted = obstacle ? held() && clock.untoldSinceMs !== undefined : this.#wanted(nowMs);
    if (!wanted) return;
    this.#patience.proposed();
    propose(commands.make(advanceTimeMethod));
  }

  #tellDoubt(): void {
    const { doubt } = this.#options.clock;
    if (doubt === undefined || doubt.number === this.#doubtTold) return;
    this.#doubtTold = doubt.number;
    const { reason } = doubt;
    if (reason === "away" || reason === "paused") this.#options.inDoubt(reason === "away");
  }

  #wanted(nowMs: number): boolean {
    const { clock, position, held } = this.#options;
    const { untoldSinceMs, askedSinceMs } = clock;
    const laterMs = advanceAfterMs(position());
    const waited = (sinceMs: number | undefined, ms: number) =>
      sinceMs !== undefined && nowMs - sinceMs >= ms;
    return (
      waited(this.#dueSinceMs, laterMs) ||
      waited(askedSinceMs, laterMs) ||
      waited(untoldSinceMs, held() ? 0 : untoldMs)
    );
  }
}

function movesTime({ service, method }: Command): boolean {
  return service === systemService && method === advanceTimeMethod;
}
