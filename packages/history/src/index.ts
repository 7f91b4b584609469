// For users: whoever records a history, checks one, or has a service of their own.
export { type CheckOptions, check, type Undecided, type Verdict } from "./check.js";
export { historyLine, readHistory } from "./json-lines.js";
export type { Violation } from "./minimise.js";
export type { Model, Step } from "./model.js";
export { builtInModels } from "./models/index.js";
// For tests, which compare outcomes the way the search does.
export {
  jsonMessage,
  type Message,
  type Operation,
  type Outcome,
  outcomeText,
  type Result,
} from "./operation.js";
export { reportText } from "./report.js";
