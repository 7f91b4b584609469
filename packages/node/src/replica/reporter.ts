import type { Command } from "@synod/core";
import {
  advanceTimeMethod,
  checkpointMethod,
  type Engine,
  maxEarlier,
  type Report,
  reportMethod,
} from "@synod/state-machine";
import { Patience } from "./patience.js";
import type { SystemCommands } from "./system-commands.js";

/** The time between looks at whether there is something to say, in milliseconds. */
export const reportCheckMs = 100;

/** Commands may stay without a checkpoint behind them for so long. */
const checkpointAfterMs = 1_000;
/** The delay after which each further replica asks for the checkpoint that those before it did not. */
const laterMs = 500;
/** While replicas differ and nobody has judged them, log time must go on: after standing still for so long it is moved. */
const standstillMs = 250;

export interface ReporterOptions {
  readonly replica: string;
  /** Id of this replica's store. */
  readonly store: string;
  readonly engine: Pick<Engine, "system" | "beyondCheckpoint" | "logTimeMs" | "unjudged">;
  readonly commands: SystemCommands;
  /** Everything up to this slot is on disk. */
  durableSlot(): number;
  /** This replica's place among all, from 0: the first acts first. */
  position(): number;
  propose(command: Command): void;
  nowMs(): number;
}

/**
 * Has this replica say, as decided commands, what is on its disk (rule 18: not what it has applied) with the hash there
 * (rule 27), and which versions of services its build can run (rule 26): once at each start, and when it changes. While
 * nothing is decided it says nothing. Where replicas differ it sees to it that the patience with those who might judge them
 * ends, though nobody asks for anything (rule 34).
 */
export class Reporter {
  readonly #options: ReporterOptions;
  /** The number of the last report that was proposed. */
  #reported: number | undefined;
  readonly #reportPatience: Patience;
  readonly #checkpointPatience: Patience;
  #beyond: { readonly checkpoint: number; readonly sinceMs: number } | undefined;
  #stoodStill: { readonly logTimeMs: number; readonly sinceMs: number } | undefined;

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#reportPatience = new Patience(options.nowMs);
    this.#checkpointPatience = new Patience(options.nowMs);
  }

  /** The others know which store this replica has, and what it offers. */
  get introduced(): boolean {
    const { replica, engine, store } = this.#options;
    const said = engine.system.reports.latest.get(replica);
    return said !== undefined && said.store === store && sameOffers(said, engine.system);
  }

  /** To be called every `reportCheckMs` while commands can be decided. */
  tick(): void {
    this.#report();
    this.#askForCheckpoint();
    this.#passTime();
  }

  #report(): void {
    const { replica, engine, commands, propose } = this.#options;
    const report = this.#due;
    if (sameReport(engine.system.reports.latest.get(replica), report)) return;
    // One of another number was decided, or can no longer count.
    if (this.#reported !== report.number) this.#reportPatience.settled();
    if (!this.#reportPatience.over) return;
    this.#reported = report.number;
    this.#reportPatience.proposed();
    propose(commands.make(reportMethod, report));
  }

  get #due(): Report {
    const { replica, store, engine, durableSlot } = this.#options;
    const durable = durableSlot();
    const { reports, offers, ground } = engine.system;
    const checkpoint = reports.checkpoints.findLast(({ slot }) => slot <= durable);
    const { slot, hash } = checkpoint ?? { slot: 0, hash: "" };
    const last = reports.latest.get(replica);
    const reported = last?.store === store ? last.slot : 0;
    const earlier = reports.checkpoints
      .filter((each) => each.slot > reported && each.slot < slot)
      .slice(-maxEarlier);
    return { replica, store, number: reports.nextNumber(replica), slot, hash, earlier, offers, ground };
  }

  /** The first replica comes first; the others only step in where it does not. */
  #askForCheckpoint(): void {
    const { engine, commands, position, propose, nowMs } = this.#options;
    const checkpoint = engine.system.reports.checkpoints.at(-1)?.slot ?? 0;
    if (!engine.beyondCheckpoint) {
      this.#beyond = undefined;
      this.#checkpointPatience.settled();
      return;
    }
    if (this.#beyond?.checkpoint !== checkpoint) {
      this.#beyond = { checkpoint, sinceMs: nowMs() };
      this.#checkpointPatience.settled();
    }
    const waited = nowMs() - this.#beyond.sinceMs;
    if (waited < checkpointAfterMs + laterMs * position() || !this.#checkpointPatience.over) return;
    this.#checkpointPatience.proposed();
    propose(commands.make(checkpointMethod));
  }

  #passTime(): void {
    const { engine, commands, position, propose, nowMs } = this.#options;
    const { logTimeMs } = engine;
    if (engine.unjudged === undefined || engine.unjudged.stops) {
      this.#stoodStill = undefined;
      return;
    }
    if (this.#stoodStill?.logTimeMs !== logTimeMs) this.#stoodStill = { logTimeMs, sinceMs: nowMs() };
    if (nowMs() - this.#stoodStill.sinceMs < standstillMs + laterMs * position()) return;
    this.#stoodStill = undefined;
    propose(commands.make(advanceTimeMethod));
  }
}

function sameReport(said: Report | undefined, report: Report): boolean {
  if (said === undefined || said.store !== report.store || said.slot !== report.slot) return false;
  return sameOffers(said, report);
}

function sameOffers(a: Pick<Report, "offers" | "ground">, b: Pick<Report, "offers" | "ground">): boolean {
  return JSON.stringify([a.offers, a.ground]) === JSON.stringify([b.offers, b.ground]);
}
