// Stores on disk.

// What they give.
export { AcceptorStore } from "./acceptor-store.js";
export type { DecidedLog, LogPage } from "./decided-log.js";
export { StoreError, type StoreErrorReason } from "./error.js";
export { type BegunSlot, type ExecutedCommand, ExecutionMarker, type HeldSlot } from "./execution-marker.js";
export type { StoreIdentity } from "./identity.js";
export { type Install, type InstallName, maxProgressBytes } from "./install.js";
export type { LogEntry } from "./layer.js";
export { maxKeyBytes } from "./layered-map.js";
export { createAcceptorStore, openAcceptorStore } from "./lmdb-acceptor-store.js";
export { openReplicaStore } from "./lmdb-replica-store.js";
// Stores in memory, for tests and simulations.
export { MemoryAcceptorDisk } from "./memory-acceptor-store.js";
export { MemoryReplicaDisk } from "./memory-replica-store.js";
// Whoever keeps a directory of its own: one process at a time.
export { type Ownership, ownDirectory } from "./ownership.js";
export { type BeginInstall, ReplicaStore, type ReplicaStoreOptions } from "./replica-store.js";
export {
  maxOpenSnapshots,
  maxPageEntries,
  type StateEntry,
  type StatePage,
  type StateSnapshot,
} from "./snapshot.js";
