// For tests of replicated services.
export {
  CallFailed,
  type DeterminismStep,
  type ServiceBuild,
  type ServiceRun,
} from "@synod/state-machine/testing";
export {
  type Cluster,
  type ClusterMember,
  type ClusterOptions,
  type MethodsOf,
  startCluster,
} from "./start-cluster.js";
export {
  checkDeterminism,
  checkUpgrade,
  type DeterminismTest,
  type RunOptions,
  run,
  type UpgradeTest,
} from "./without-cluster.js";
