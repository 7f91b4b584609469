// Local clusters, as `synod up` starts them.

export { Child, type Ending } from "./cluster/child.js";
export { type ClusterEvents, LocalCluster } from "./cluster/local-cluster.js";
export { type Counts, type Plan, type PlannedMember, planCluster, type RoleName } from "./cluster/plan.js";
export { freePorts } from "./cluster/ports.js";
export { waitUntilReady } from "./cluster/ready.js";
export { serviceBin } from "./cluster/service-bin.js";
export { prepareCluster } from "./cluster/stores.js";

// Calls to a cluster, and what its log, status and backups say.

export { askStatus, readLog, switchVersion } from "./calls.js";
export type { DecidedCommand, DecidedSlot } from "./log/decided.js";
export { SnapshotFile } from "./snapshot/reader.js";
export { SnapshotWriter } from "./snapshot/writer.js";
export type { RoleReport } from "./status/report.js";

// The demo's comparison.

export {
  type ClientResult,
  type Comparison,
  compareDemo,
  type ReplicaFinal,
  withPlantedDifference,
} from "./demo/compare.js";
