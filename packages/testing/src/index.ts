// A service without a cluster: one replica's state, determinism, upgrades.

export {
  CallFailed,
  type DeterminismStep,
  type ServiceBuild,
  type ServiceRun,
} from "@synod/state-machine/testing";
export {
  checkDeterminism,
  checkUpgrade,
  type DeterminismTest,
  type RunOptions,
  run,
  type UpgradeTest,
} from "./without-cluster.js";

// A service on a cluster of processes.

export {
  type Cluster,
  type ClusterMember,
  type ClusterOptions,
  type MethodsOf,
  startCluster,
} from "./start-cluster.js";
