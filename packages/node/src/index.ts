// For a service's main: its configuration, its process, its host.

export { AcceptorHost, type AcceptorHostOptions } from "./acceptor-host.js";
export { buildName } from "./build-name.js";
export {
  type ConfigurationAnswer,
  type ConfigurationRequest,
  readConfiguration,
  type ServiceConfiguration,
} from "./config.js";
export { type LogLevel, sharedVariables } from "./config-file.js";
export { ExecutionWatch, type ExecutionWatchOptions } from "./execution-watch.js";
export { ExitCode } from "./exit-code.js";
export { exitCodeOf, ServiceFailure } from "./failure.js";
export type { Host, HostOptions } from "./host.js";
export { LeaderHost, type LeaderHostOptions } from "./leader-host.js";
export { type RunningService, runService, type ServiceContext } from "./lifecycle.js";
export { createLogger, type Logger, type LogOptions } from "./log.js";
export { ConfigurationError } from "./problem.js";
export { ReplicaHost, type ReplicaHostOptions } from "./replica-host.js";
export { loadServiceModules, type ServiceModule, thrownByService } from "./service-modules.js";
export {
  type CommandLine,
  type Given,
  pathOf,
  readCommandLine,
  type Setting,
  settingsHelp,
} from "./settings.js";
export { type HostedService, packageVersion, startHost } from "./start-host.js";

// For whoever starts services, or looks at what they are started with.

export { type Address, isLoopback, parseAddress } from "./address.js";
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
} from "./cluster-file.js";
export { type Condition, Health } from "./health.js";
export { countedBut } from "./hello.js";
export { stopWithParent, stopWithParentVariable } from "./parent.js";

// For whoever keeps what a replica's Snapshot gives.
export { nextDigest, noDigest } from "./snapshot-digest.js";
