// The roles and the state they tell.

export { Acceptor, type AcceptorOptions } from "./acceptor.js";
export type { Claim } from "./leader/claims.js";
export { Commander } from "./leader/commander.js";
export { Leader, type LeaderOptions } from "./leader/leader.js";
export type { LeaderState } from "./leader/leader-state.js";
export { Scout, type ScoutedSlots } from "./leader/scout.js";
export { Replica, type ReplicaOptions } from "./replica/replica.js";
export type { ReplicaState } from "./replica/replica-state.js";

// Their inputs, outputs and bounds.

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
export { defaultLimits, type Limits, limitProblems } from "./limits.js";
export type { Output, Refusal } from "./output.js";
export type { AcceptedLog, AcceptedPage, AcceptorRecord, AcceptorState } from "./record.js";

// Messages, and the values in them.

export { type Ballot, compareBallots, noBallot, sameBallot } from "./ballot.js";
export { type Command, commandBytes } from "./command.js";
export {
  type AcceptorMember,
  type Configuration,
  Configurations,
  type Genesis,
  type Member,
  type RulingConfiguration,
  type TrimRecord,
  trimRecordBytes,
} from "./configuration.js";
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
export {
  noOperation,
  type ProposalId,
  type PValue,
  proposalKey,
  proposalOf,
  pvalueBytes,
  sameValue,
  type Value,
  valueBytes,
} from "./pvalue.js";

// One line of text for each of them: for logs, traces and tests.

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

// Small parts that other packages build on.

export { InvariantViolation, invariant } from "./invariant.js";
export type { KeyRange, OrderedMap } from "./ordered-map.js";
export { type Random, randomBelow, seededRandom } from "./prng.js";
export { Queue } from "./queue.js";
export { majorityOf, Quorum } from "./quorum.js";
export { type Repetition, RoundTrip } from "./round-trip.js";
export { Timeout } from "./timeout.js";
