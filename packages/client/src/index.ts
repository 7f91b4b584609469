// The client and its errors.

export type { Reply } from "./call.js";
export { type CallSettings, type Client, type ConnectOptions, connect } from "./connect.js";
export { type Outcome, OutcomeUnknown, SynodError } from "./error.js";
export { type ClientSettings, defaultSettings } from "./settings.js";

// Parts that load generators and tests put together with connections of their own.

export { CommandClient } from "./client.js";
export type { CommandStream, ReplicaPort, StreamEvents } from "./port.js";

// Status codes of answers, and what each says of a command.

export { type StatusRule, statusName, statusRules } from "./status.js";
