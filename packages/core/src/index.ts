// The roles.
export { Acceptor, type AcceptorOptions } from "./acceptor.js";
// What they speak of.
export { type Ballot, compareBallots, noBallot, sameBallot } from "./ballot.js";
export type { Claim } from "./claims.js";
export { type Command, commandBytes } from "./command.js";
export { Commander, type CommanderProgress } from "./commander.js";
export {
  type AcceptorMember,
  type Configuration,
  Configurations,
  type Genesis,
  type Member,
  type RulingConfiguration,
  type TrimRecord,
} from "./configuration.js";
// For logs, traces and tests.
export {
  describeBallot,
  describeConfiguration,
  describeLeader,
  describeMessage,
  describePValue,
  describeRecord,
  describeReplica,
  describeValue,
} from "./describe.js";
export type {
  AcceptorInput,
  ClientRequests,
  Connected,
  Disconnected,
  Installed,
  LeaderInput,
  Peer,
  Received,
  ReplicaInput,
  Rewound,
  Role,
  Tick,
  TrimPoint,
  Withdraw,
} from "./input.js";
export { InvariantViolation, invariant } from "./invariant.js";
export { Leader, type LeaderOptions, type LeaderState } from "./leader.js";
export { defaultLimits, type Limits, limitProblems } from "./limits.js";
export type {
  Decision,
  FromAcceptor,
  FromLeader,
  Heartbeat,
  HeartbeatAck,
  LeaderStatus,
  Message,
  P1a,
  P1b,
  P2a,
  P2b,
  Ping,
  Pong,
  PreVote,
  PreVoteAnswer,
  Propose,
  Question,
  ReplicaStatus,
  ToAcceptor,
  ToLeader,
  Trim,
  Trimmed,
} from "./message.js";
export type { KeyRange, OrderedMap } from "./ordered-map.js";
export type { Output, Refusal } from "./output.js";
export { below, type Random, seededRandom } from "./prng.js";
export {
  noOperation,
  type ProposalId,
  type PValue,
  proposalKey,
  proposalOf,
  sameValue,
  type Value,
  valueBytes,
} from "./pvalue.js";
export { majorityOf, Quorum } from "./quorum.js";
// What they rest on.
export type {
  AcceptedLog,
  AcceptedPage,
  AcceptorRecord,
  AcceptorState,
} from "./record.js";
export { Replica, type ReplicaOptions, type ReplicaState } from "./replica.js";
export { Scout, type ScoutProgress } from "./scout.js";
export { Timeout } from "./timeout.js";
