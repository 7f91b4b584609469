// For tests of a replicated service, without a cluster.
export { checkDeterminism, type DeterminismTest } from "./determinism.js";
export { CallFailed, type RunOptions, run, ServiceRun } from "./run.js";
export type { DeterminismStep } from "./step.js";
export { checkUpgrade, type ServiceBuild, type UpgradeTest } from "./upgrade.js";
