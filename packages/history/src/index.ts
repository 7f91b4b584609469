// Histories: recording, reading and checking one.

export { type CheckOptions, check, type Undecided, type Verdict } from "./check.js";
export { historyLine, readHistory } from "./json-lines.js";
export type { Violation } from "./minimise.js";
export {
  jsonMessage,
  type Message,
  type Operation,
  type Outcome,
  outcomeText,
  type Result,
} from "./operation.js";
export { reportText } from "./report.js";

// Models: what a service's calls mean.

export type { Model, Step } from "./model.js";
export { builtInModels } from "./models/index.js";
