import type { Engine } from "@synod/state-machine";
import type { ReplicaStore } from "@synod/storage";
import type { HostLogger } from "../../process/host.js";
import { type KeptLog, trimLog } from "./log-keeper.js";
import type { SnapshotSender } from "./snapshot-sender.js";

/** The milliseconds between looks at whether the log has grown too long and the trim point moved. */
export const trimCheckMs = 50;

const leastForReaders = 1 << 30;

/**
 * The bytes of log that a replica keeps for those that catch up from it, and by which its disk may grow for a snapshot that
 * they read, at most. A reader takes the state in faster than much more can be written meanwhile, or it would never be there.
 */
export function mostForReaders(stateBytes: number): number {
  return leastForReaders + 2 * stateBytes;
}

export interface TrimmerOptions {
  readonly engine: Pick<Engine, "system" | "stateBytes">;
  readonly store: Pick<ReplicaStore, "log" | "durableSlot">;
  readonly keptLog: KeptLog | undefined;
  readonly sender: Pick<SnapshotSender, "tick" | "readers" | "forsakeLowest">;
  readonly logger: Pick<HostLogger, "warn">;
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
    const { engine, store, keptLog, sender, trimPointMoved } = this.#options;
    const { trimPoint } = engine.system.reports;
    if (trimPoint > this.#told) {
      this.#told = trimPoint;
      trimPointMoved(trimPoint + 1);
    }
    sender.tick();
    const trim = () =>
      trimLog(
        store.log,
        store.durableSlot,
        engine.system.versions.lastSwitch,
        sender.readers.lowestSlot,
        keptLog,
      );
    trim();
    while (this.#keepsTooMuch()) trim();
  }

  /** True when a reader has been given up, so that there is more to trim. */
  #keepsTooMuch(): boolean {
    const { engine, store, sender, logger } = this.#options;
    const most = mostForReaders(engine.stateBytes);
    const { bytes } = store.log;
    if (bytes <= most) return false;
    const replica = sender.forsakeLowest();
    if (replica !== undefined)
      logger.warn(
        { replica, bytes, most },
        `the log is not kept for ${replica} any longer: it is slower than the log grows, and has to begin with another state`,
      );
    return replica !== undefined;
  }
}
