// Services: how they are defined, and what their handlers see.

export type {
  DescribedMethod,
  DescribedService,
  Descriptions,
  DescriptorLoader,
  Evaluate,
  MessageCodec,
  MethodCodec,
} from "./definition/codec.js";
export type { CommandContext, Context, ErrorSpec } from "./definition/context.js";
export type { KeyKind, KeyPart } from "./definition/key.js";
export type { AnyProtos, CallsOf, Descriptors, ServiceName } from "./definition/method-types.js";
export {
  type Change,
  type Definition,
  ReplicatedService,
  replicatedService,
  type ServiceBuilder,
  type Watch,
} from "./definition/replicated-service.js";
export { Status } from "./definition/status.js";
export type { RangeOptions, ReadTransaction, Table, TableOptions, Transaction } from "./definition/table.js";

// The engine: it executes the decided log.

export type { Answer } from "./engine/answer.js";
export { isDue, type NextDue } from "./engine/due.js";
export { Engine, type EngineOptions } from "./engine/engine.js";
export type { HandlerError } from "./engine/execution.js";
export {
  checkpointLimits,
  commandLimits,
  defaultQuotaBytes,
  judgementPatienceMs,
  type SlotLimits,
  slotLimits,
  timeLimits,
} from "./engine/limits.js";
export {
  type AfterStandstill,
  advanced,
  type LogTimeState,
  type LogTimes,
  type SaidTime,
} from "./engine/log-time.js";
export type { BoundService, Rejection } from "./engine/service.js";
export type { SlotContent } from "./engine/slot-content.js";

// The realm that handlers run in.

export { Exhausted, type Place } from "./realm/exhaustion.js";
export { realmFingerprint } from "./realm/fingerprint.js";
export { isNotDeterministic, NotDeterministic } from "./realm/not-deterministic.js";
export { inRealm, loadInRealm, type RealmExports } from "./realm/realm-service.js";
export { isOfRealm, told } from "./realm/traces.js";

// The services that come with Synod.

export { calculatorService } from "./services/calculator.js";
export { keyValueService } from "./services/key-value.js";
export { keyValueLimits } from "./services/key-value-request.js";
export { lockLimits, lockService } from "./services/lock.js";

// The replicated state: its layout, its sessions, and its rows in a backup.

export type { SessionLimits } from "./sessions/session-table.js";
export {
  type Restoration,
  RestoredRows,
  type ServicePart,
  StateContents,
  type StateRow,
  UnfitBackup,
} from "./state/backup.js";
export { type ConfigurationCodec, OtherStateFormat, stateFormat } from "./state/layout.js";
export { MemoryMap } from "./state/memory-map.js";

// What the cluster decides about itself: versions, reports, remedies.

export {
  engineName,
  type Foreign,
  type Foundation,
  type GivenGround,
  type Ground,
} from "./system/foundation.js";
export { isNext, type Remedy, remedyText, sameRemedy } from "./system/remedies.js";
export type { Divergence, Unjudged } from "./system/reports.js";
export {
  advanceTimeMethod,
  type Checkpoint,
  checkpointMethod,
  encodeSaid,
  maxEarlier,
  type Offer,
  openedSession,
  openSessionMethod,
  type Report,
  remediesIn,
  remedyMethod,
  reportMethod,
  type ServiceVersion,
  type SystemCommand,
  setQuotaMethod,
  switchVersionMethod,
  systemCommandOf,
  systemService,
} from "./system/system-command.js";
export { type Lacking, offerText } from "./system/versions.js";
