// The suite, its matrix and its reports.

export { type Column, columns } from "./suite/matrix.js";
export { checksOf, matrixText, reportText } from "./suite/report.js";
export { type RoleName, roles } from "./suite/roles.js";
export {
  type CellResult,
  type CheckResult,
  type ContractOptions,
  type ContractResult,
  type RowResult,
  runContract,
} from "./suite/run.js";

// The command.

export { type Arguments, argumentsOf, report, usage } from "./main.js";
