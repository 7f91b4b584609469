// For a service's main: its configuration, its process, its host.

export { AcceptorHost, type AcceptorHostOptions } from "./acceptor/acceptor-host.js";
export {
  type ConfigurationAnswer,
  type ConfigurationRequest,
  readConfiguration,
  type ServiceConfiguration,
} from "./configuration/config.js";
export { type LogLevel, sharedVariables } from "./configuration/config-file.js";
export { ConfigurationError } from "./configuration/problem.js";
export { loadServiceModules, type ServiceModule, thrownByService } from "./configuration/service-modules.js";
export {
  type CommandLine,
  type Given,
  pathOf,
  readCommandLine,
  type Setting,
  settingsHelp,
} from "./configuration/settings.js";
export { LeaderHost, type LeaderHostOptions } from "./leader/leader-host.js";
export { printAnswer } from "./process/answer.js";
export { buildName } from "./process/build-name.js";
export { ExecutionWatch, type ExecutionWatchOptions } from "./process/execution-watch.js";
export { ExitCode } from "./process/exit-code.js";
export { exitCodeOf, ServiceFailure } from "./process/failure.js";
export type { Host, HostOptions } from "./process/host.js";
export { type RunningService, runService, type ServiceContext } from "./process/lifecycle.js";
export { createLogger, type Logger, type LogOptions } from "./process/log.js";
export { type HostedService, packageVersion, startHost } from "./process/start-host.js";
export { ReplicaHost, type ReplicaHostOptions } from "./replica/replica-host.js";

// For whoever starts services, or looks at what they are started with.

export {
  type ClusterFile,
  clusterIdOf,
  expectedName,
  genesisOf,
  listOf,
  maxMembersOf,
  maxWindow,
  parseClusterFile,
  readClusterFile,
} from "./configuration/cluster-file.js";
export { type Condition, Health } from "./process/health.js";
export { stopWithParent, stopWithParentVariable } from "./process/parent.js";
export { countedBut } from "./transport/hello.js";

// For whoever keeps what a replica's Snapshot gives.

export { snapshotOf } from "./replica/catch-up/other-replica.js";
export { nextDigest, noDigest } from "./replica/catch-up/snapshot-digest.js";
export { pagesOf } from "./replica/catch-up/snapshot-pages.js";
