import type { FaultKind } from "./fault-event.js";
import type { RunResult } from "./world.js";

/** Events whose occurrence is told: what goes wrong, and what a cluster does about it. */
const countedEvents = [
  "crash",
  "restart",
  "crash acceptor",
  "crash leader",
  "crash replica",
  "never returns",
  "pause",
  "partition",
  "one-way partition",
  "slow link",
  "reset",
  "lost",
  "doubled",
  "reordered",
  "torn write",
  "slow sync",
  "failed sync",
  "lost directory",
  "lost directory of a replica",
  "rolled-back copy",
  "wall-clock jump",
  "hanging disk",
  "full disk",
  "flipped byte",
  "rotten disk replaced",
  "switch decided",
  "build without the version in force",
  "quota decided",
  "preemption",
  "leader change",
  "reconfiguration",
  "trim",
  "snapshot",
  "caught up from a log",
] as const satisfies readonly (FaultKind | (string & {}))[];

/** The results of many seeds. */
export interface CampaignSummary {
  readonly seeds: number;
  readonly failures: readonly { readonly seed: number; readonly failure: string }[];
  readonly simulatedHours: number;
  readonly decidedSlots: number;
  readonly acknowledgedCommands: number;
  readonly medianAcknowledged: number;
  readonly medianLeaderChanges: number;
  /** The part of the seeds in which each kind of event occurred. */
  readonly occurrence: Readonly<Record<string, number>>;
}

/** Gathers the results of runs. */
export class Campaign {
  readonly #failures: { readonly seed: number; readonly failure: string }[] = [];
  readonly #acknowledged: number[] = [];
  readonly #leaderChanges: number[] = [];
  readonly #occurred = new Map<string, number>();
  #simulatedMs = 0;
  #slots = 0;

  add({ seed, failure, counts, ticks, options }: RunResult): void {
    if (failure !== undefined) this.#failures.push({ seed, failure });
    this.#acknowledged.push(counts.acknowledged ?? 0);
    this.#leaderChanges.push(counts["leader change"] ?? 0);
    this.#simulatedMs += ticks * options.limits.tickMs;
    this.#slots += counts.slots ?? 0;
    for (const kind of countedEvents)
      if ((counts[kind] ?? 0) > 0) this.#occurred.set(kind, (this.#occurred.get(kind) ?? 0) + 1);
  }

  get summary(): CampaignSummary {
    const seeds = this.#acknowledged.length;
    return {
      seeds,
      failures: this.#failures,
      simulatedHours: Math.round(this.#simulatedMs / 36_000) / 100,
      decidedSlots: this.#slots,
      acknowledgedCommands: this.#acknowledged.reduce((sum, count) => sum + count, 0),
      medianAcknowledged: medianOf(this.#acknowledged),
      medianLeaderChanges: medianOf(this.#leaderChanges),
      occurrence: Object.fromEntries(
        countedEvents.map((kind) => [kind, (this.#occurred.get(kind) ?? 0) / Math.max(1, seeds)]),
      ),
    };
  }
}

function medianOf(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}
