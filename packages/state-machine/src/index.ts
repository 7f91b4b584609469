// For whoever writes a replicated service.

// For the replica that runs them.
export { type Answer, type Decided, Engine, type EngineOptions } from "./engine.js";
export type { HandlerError } from "./execution.js";
export { commandLimits } from "./limits.js";
export { openedSession, openSessionMethod, openSessionService } from "./open-session.js";
export type { Rejection } from "./service.js";
export {
  type CommandMethod,
  type Context,
  defineService,
  type MethodCodec,
  type MethodTypes,
  type QueryMethod,
  type ReplicatedService,
  type ServiceCodec,
  type ServiceDefinition,
} from "./service.js";
// The services that come with Synod.
export { type CalculatorMethods, calculatorService } from "./services/calculator.js";
export { type KeyValueMethods, keyValueService } from "./services/key-value.js";
export { keyValueLimits } from "./services/key-value-request.js";
export type { ReadTransaction, ServiceRange, Transaction } from "./transaction.js";
