// Addresses, and numbers within a session.

export {
  type Address,
  expectedAddress,
  expectedListenAddress,
  isLoopback,
  parseAddress,
} from "./address.js";
export { FairQueue } from "./fair-queue.js";
export { SequenceWindow } from "./sequence-window.js";

// Services and calls over gRPC.

export {
  callUnary,
  type Incoming,
  Invalid,
  type Method,
  methodOf,
  openStream,
  receive,
  refuse,
} from "./calls.js";
export { type Channel, lastingOptions, openChannel } from "./channel.js";
export type { Hello } from "./hello.js";
export { anotherCluster, clusterIn, meantFor, metadataKeys } from "./metadata.js";
export { eventLoop, passed, ran, type Scheduler, serviceLoop } from "./scheduler.js";
export { acceptorService, clusterService, healthService, leaderService, replicaService } from "./services.js";
export { WireError } from "./wire-error.js";

// Codecs of messages and of the values in them.

export {
  isName,
  maxBatchCommands,
  maxIdLength,
  maxMembers,
  maxRequestBytes,
  method as checkedMethod,
  service as checkedService,
} from "./check.js";
export type { Codec } from "./codec.js";
export { fromAcceptor, toAcceptor } from "./codec-acceptor.js";
export { type Batch, type BatchTime, batch } from "./codec-command.js";
export type { HealthCheckRequest, HealthCheckResponse } from "./codec-health.js";
export { fromLeader, toLeader } from "./codec-leader.js";
export type {
  DecidedIn,
  DecideRemedyRequest,
  HeldSlotAnswer,
  HoldSlotRequest,
  LogPage,
  LogReader,
  LogRequest,
  OpenedSession,
  SetQuotaRequest,
  SwitchedVersion,
  SwitchVersionRequest,
} from "./codec-replica.js";
export { type Requested, request, requests, Unreadable } from "./codec-request.js";
export {
  maxResponseBytes,
  outcomes,
  type Response,
  type ResponseOutcome,
  response,
  responses,
} from "./codec-response.js";
export {
  digestBytes,
  type SnapshotPage,
  type SnapshotPart,
  type SnapshotPosition,
  type SnapshotRequest,
} from "./codec-snapshot.js";
export type {
  AcceptorRoleStatus,
  CatchingUpStatus,
  HaltStatus,
  LeaderRoleStatus,
  PeerStatus,
  ReplicaRoleStatus,
  ServiceVersionStatus,
  Status,
} from "./codec-status.js";
export { configurationCodec, decodeValue, encodeValue, recordCodec } from "./codec-value.js";

// Services of users: their descriptors, messages and reflection.

export { descriptorSet } from "./descriptors.js";
export { FileIndex } from "./file-index.js";
export type { PlainCodec, PlainMessage } from "./plain/messages.js";
export { withoutSourceInfo } from "./plain/source-info.js";
export { reflectionServices } from "./reflection.js";
export { describedBy } from "./reflection-client.js";
export { type TypeScript, typeScriptOf } from "./typescript.js";
export {
  type Idempotency,
  type LoadedServices,
  loadServices,
  type Service,
  type ServiceMethod,
} from "./user-services.js";
