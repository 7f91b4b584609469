// What a process is without its server, its connections and its files, for whoever runs one elsewhere: the simulator.
export { decidedOf } from "./decided.js";
export { Driver, type Journal } from "./driver.js";
export { ExecuteStream, type ExecuteStreamCall } from "./execute-stream.js";
export { ExitCode } from "./exit-code.js";
export type { OtherReplica, SnapshotStream } from "./other-replica.js";
export { ReplicaProcess } from "./replica-process.js";
