import { type CheckResult, type ContractResult, checksOf } from "@synod/contract";

const failed = ({ rows }: ContractResult): CheckResult[] =>
  checksOf(rows).filter(({ outcome }) => outcome === "failed");

/** What failed and why, a line each. */
export function failures(result: ContractResult): string[] {
  return failed(result).map(({ rpc, column, name, reason }) => `${rpc} | ${column} | ${name}: ${reason}`);
}

/** Where something failed: the cells of the matrix. */
export function redCells(result: ContractResult): string[] {
  return [...new Set(failed(result).map(({ rpc, column }) => `${rpc} × ${column}`))];
}
