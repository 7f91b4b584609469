import { columns } from "./matrix.js";
import type { CellResult, CheckResult, ContractResult, RowResult } from "./run.js";

/** The text of a cell: the numbers of checks that passed, failed or were skipped, or a letter for the reason why there is none. */
function shownCell({ checks, notApplicable }: CellResult, notes: Map<string, string>): string {
  if (notApplicable !== undefined) return `n/a ${noteOf(notApplicable, notes)}`;
  const of = (outcome: CheckResult["outcome"]) => checks.filter((one) => one.outcome === outcome);
  const [passed, failed, skipped] = [of("passed"), of("failed"), of("skipped")];
  const parts: string[] = [];
  if (failed.length > 0) parts.push(`${failed.length} FAILED`);
  if (passed.length > 0) parts.push(`${passed.length} ok`);
  if (skipped.length > 0) {
    const why = [...new Set(skipped.map((one) => noteOf(one.reason ?? "", notes)))].join(" ");
    parts.push(`${skipped.length} skipped ${why}`);
  }
  return parts.join(", ");
}

function noteOf(reason: string, notes: Map<string, string>): string {
  const known = notes.get(reason);
  if (known !== undefined) return known;
  const letter = `(${String.fromCharCode(97 + notes.size)})`;
  notes.set(reason, letter);
  return letter;
}

/** RPC × what is done with it, as text. Reasons are given once, below. */
export function matrixText(rows: readonly RowResult[]): string {
  const notes = new Map<string, string>();
  const table = [
    ["RPC", ...columns],
    ...rows.map(({ rpc, cells }) => [rpc, ...columns.map((column) => shownCell(cells[column], notes))]),
  ];
  const widths =
    table[0]?.map((_, index) => Math.max(...table.map((line) => line[index]?.length ?? 0))) ?? [];
  const lines = table.map((line) =>
    line
      .map((text, index) => text.padEnd(widths[index] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return [...lines, "", ...[...notes].map(([reason, letter]) => `${letter} ${reason}`)].join("\n");
}

export function checksOf(rows: readonly RowResult[]): CheckResult[] {
  return rows.flatMap(({ cells }) => columns.flatMap((column) => cells[column].checks));
}

/** The matrix, what was skipped by name, what failed and why, and the count. */
export function reportText(result: ContractResult): string {
  const checks = checksOf(result.rows);
  const line = ({ rpc, column, name, rule }: CheckResult) => `${rpc} · ${column} · ${name} [${rule}]`;
  const skipped = checks.filter(({ outcome }) => outcome === "skipped");
  const failed = checks.filter(({ outcome }) => outcome === "failed");
  return [
    matrixText(result.rows),
    "",
    ...skipped.map((one) => `skipped  ${line(one)}: ${one.reason}`),
    ...failed.map((one) => `FAILED   ${line(one)}\n         ${one.reason}`),
    `${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped`,
  ].join("\n");
}
