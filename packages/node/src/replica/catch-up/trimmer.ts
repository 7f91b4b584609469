import type { Engine } from "@synod/state-machine";
import type { ReplicaStore } from "@synod/storage";
import { type KeptLog, trimLog } from "./log-keeper.js";

/** The milliseconds between looks at whether the log has grown too long and the trim point moved. */
export const trimCheckMs = 50;

export interface TrimmerOptions {
  readonly engine: Pick<Engine, "system">;
  readonly store: Pick<ReplicaStore, "log" | "durableSlot">;
  readonly keptLog: KeptLog | undefined;
  /** The slot of the oldest snapshot that is being read; undefined when none is. */
  lowestRead(): number | undefined;
  /** Told when a majority has everything below this slot on disk. */
  trimPointMoved(below: number): void;
}

/** Rule 18: what a majority has on disk the leaders and acceptors need not keep, and this replica not for ever. */
export class Trimmer {
  readonly #options: TrimmerOptions;
  #told = 0;

  constructor(options: TrimmerOptions) {
    this.#options = options;
  }

  tick(): void {
    const { engine, store, keptLog, lowestRead, trimPointMoved } = this.#options;
    const { trimPoint } = engine.system.reports;
    if (trimPoint > this.#told) {
      this.#told = trimPoint;
      trimPointMoved(trimPoint + 1);
    }
    trimLog(store.log, store.durableSlot, engine.system.versions.lastSwitch, lowestRead(), keptLog);
  }
}
