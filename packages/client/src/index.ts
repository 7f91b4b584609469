// For users.
export type { Reply } from "./call.js";
// For load generators and tests, which bring their own connections.
export { CommandClient } from "./client.js";
export { type CallSettings, type Client, type ConnectOptions, connect } from "./connect.js";
export { type Outcome, OutcomeUnknown, SynodError } from "./error.js";
export type { CommandStream, ReplicaPort, StreamEvents } from "./port.js";
export { type ClientSettings, defaultSettings } from "./settings.js";
export { type StatusRule, statusName, statusRules } from "./status.js";
