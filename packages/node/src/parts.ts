// What a process is without its server, its connections and its files, for whoever runs one elsewhere: the simulator.

export { Driver, type Journal } from "./driver.js";
export { ExitCode } from "./process/exit-code.js";
export type { OtherReplica, SnapshotStream } from "./replica/catch-up/other-replica.js";
export { ReplicaProcess } from "./replica/replica-process.js";
export { ExecuteStream, type ExecuteStreamCall } from "./replica/requests/execute-stream.js";
export { decodeSlot } from "./replica/slot-content.js";
