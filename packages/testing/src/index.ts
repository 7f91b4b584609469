// For tests of replicated services.
export { CallFailed, type DeterminismStep, type ServiceRun } from "@synod/state-machine/testing";
export {
  type Cluster,
  type ClusterMember,
  type ClusterOptions,
  type MethodsOf,
  startCluster,
} from "./start-cluster.js";
export { checkDeterminism, type DeterminismTest, type RunOptions, run } from "./without-cluster.js";
