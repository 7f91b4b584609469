// What a process is without its server, its connections and its files, for whoever runs one elsewhere: the simulator.

export { AcceptorProcess } from "./acceptor/acceptor-process.js";
export { Driver, type Journal } from "./driver.js";
export { LeaderProcess } from "./leader/leader-process.js";
export { ExitCode } from "./process/exit-code.js";
export type { OtherReplica, SnapshotStream } from "./replica/catch-up/other-replica.js";
export { LeaderLinks } from "./replica/leader-links.js";
export { ReplicaProcess } from "./replica/replica-process.js";
export { ExecuteStream, type ExecuteStreamCall } from "./replica/requests/execute-stream.js";
export { unreadPlaces } from "./replica/requests/unread-answers.js";
export { decodeSlot } from "./replica/slot-content.js";
export type { ServerStream } from "./transport/attachments.js";
export { keepaliveMs } from "./transport/channel.js";
export type { Dial, DialedStream, StreamStatus } from "./transport/dial.js";
export { helloOf } from "./transport/hello-of.js";
