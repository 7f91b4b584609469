import type { CommitDone } from "./commit-queue.js";
import type { LogDisk } from "./decided-log.js";
import type { StoreError } from "./error.js";
import type { StoreIdentity } from "./identity.js";
import type { IncomingDisk } from "./install.js";
import type { Layer } from "./layer.js";
import type { StateDisk } from "./layered-map.js";
import type { PinnedState } from "./snapshot.js";

/** The disk below a replica's state and log: lmdb, or memory. */
export interface ReplicaDisk extends StateDisk, LogDisk {
  readonly identity: StoreIdentity;
  /** `tell` is called once, when something is read that was not written; nothing is read or committed from then on. */
  tellOfDamage(tell: (error: StoreError) => void): void;
  /** Makes all of a layer durable, or nothing of it. */
  commit(layer: Layer, done: CommitDone): void;
  /** There is tidying left that a commit of an empty layer would do. */
  readonly untidy: boolean;
  /** The durable state as it is now. Only between commits: during one nobody can say what it is. */
  pin(): PinnedState;
  /** Bytes that the disk needs for all of this, those of rows that were freed included. */
  readonly usedBytes: number;
  /** The disk for a snapshot that is being installed. */
  readonly incoming: IncomingDisk;
  close(): Promise<void>;
}
