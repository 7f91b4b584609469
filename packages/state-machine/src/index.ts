// For whoever writes a replicated service.

// For whoever keeps backups of a state.
export {
  type Restoration,
  RestoredRows,
  type ServicePart,
  StateContents,
  type StateRow,
  UnfitBackup,
} from "./backup.js";
// For the replica that runs them.
export type {
  DescribedMethod,
  DescribedService,
  Descriptions,
  DescriptorLoader,
  Evaluate,
  MessageCodec,
  MethodCodec,
} from "./codec.js";
export type { CommandContext, Context, ErrorSpec } from "./context.js";
export { isDue, type NextDue } from "./due.js";
export { type Answer, type Decided, Engine, type EngineOptions } from "./engine.js";
export type { HandlerError } from "./execution.js";
export { engineName, type Foreign, type Foundation, type Ground } from "./foundation.js";
export type { KeyKind, KeyPart } from "./key.js";
export { OtherStateFormat, stateFormat } from "./layout.js";
export {
  checkpointLimits,
  commandLimits,
  defaultQuotaBytes,
  judgementPatienceMs,
  timeLimits,
} from "./limits.js";
export {
  type AfterStandstill,
  advanced,
  type LogTimeState,
  type LogTimes,
  type SaidTime,
} from "./log-time.js";
export { MemoryMap } from "./memory-map.js";
export { Exhausted, type Place } from "./realm/exhaustion.js";
export { realmFingerprint } from "./realm/fingerprint.js";
export { isNotDeterministic, NotDeterministic } from "./realm/not-deterministic.js";
export { inRealm, loadInRealm, type RealmExports } from "./realm/realm-service.js";
export { isOfRealm, told } from "./realm/traces.js";
export { isNext, type Remedy, remedyText, sameRemedy } from "./remedies.js";
export {
  type Change,
  type Definition,
  ReplicatedService,
  replicatedService,
  type ServiceBuilder,
  type Watch,
} from "./replicated-service.js";
export type { Divergence, Unjudged } from "./reports.js";
export type { BoundService, Rejection } from "./service.js";
// The services that come with Synod.
export { calculatorService } from "./services/calculator.js";
export { keyValueService } from "./services/key-value.js";
export { keyValueLimits } from "./services/key-value-request.js";
export { lockLimits, lockService } from "./services/lock.js";
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
} from "./system-command.js";
export type { RangeOptions, ReadTransaction, Table, TableOptions, Transaction } from "./table.js";
export { type Lacking, offerText } from "./versions.js";
