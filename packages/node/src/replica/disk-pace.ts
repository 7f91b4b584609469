import type { ReplicaStore } from "@synod/storage";
import type { Scheduler } from "@synod/wire";

/** Bytes that are applied and not on disk, beyond which a replica takes nothing more until a flush has ended. */
const maxPendingBytes = 256 << 20;
const pendingCheckMs = 20;

export interface DiskPaceOptions {
  readonly store: Pick<ReplicaStore, "pendingBytes">;
  readonly scheduler: Scheduler;
  /** Nobody waits for the disk any more. */
  stopping(): boolean;
}

/** Holds back what comes in while the disk does not take what is applied. */
export class DiskPace {
  readonly #options: DiskPaceOptions;

  constructor(options: DiskPaceOptions) {
    this.#options = options;
  }

  /** The disk takes what is applied. */
  get keepsUp(): boolean {
    return this.#options.store.pendingBytes <= maxPendingBytes;
  }

  whenKeepingUp(callback: () => void): void {
    if (this.keepsUp || this.#options.stopping()) callback();
    else this.#options.scheduler.after(pendingCheckMs, () => this.whenKeepingUp(callback));
  }
}
