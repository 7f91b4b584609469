// What a role keeps on disk.

export { AcceptorStore } from "./acceptor-store.js";
export { createAcceptorStore, openAcceptorStore } from "./lmdb-acceptor-store.js";
export { openReplicaStore } from "./lmdb-replica-store.js";
export { type BeginInstall, ReplicaStore, type ReplicaStoreOptions } from "./replica-store.js";

// The same in memory, for tests and simulations.

export { MemoryAcceptorDisk } from "./memory-acceptor-store.js";
export { MemoryReplicaDisk } from "./memory-replica-store.js";

// What stores give and take.

export type { DecidedLog, LogPage } from "./decided-log.js";
export type { StoreIdentity } from "./identity.js";
export { type Install, type InstallName, maxProgressBytes } from "./install.js";
export type { LogEntry } from "./layer.js";
export { maxKeyBytes } from "./layered-map.js";
export type { RecordCodec, StoredCodec } from "./record-codec.js";
export {
  maxOpenSnapshots,
  maxPageEntries,
  maxPutEntries,
  type StateEntry,
  type StatePage,
  type StateSnapshot,
} from "./snapshot.js";

// A directory's one owner, the marker of the slot under execution, and errors.

export { StoreError, type StoreErrorReason } from "./error.js";
export {
  type BegunSlot,
  type ExecutedCommand,
  ExecutionMarker,
  type HeldSlot,
  openExecutionMarker,
} from "./execution-marker.js";
export { type Ownership, ownDirectory } from "./ownership.js";
