import type { Verdict } from "./check.js";
import type { Violation } from "./minimise.js";
import type { Message, Operation, Outcome } from "./operation.js";

/** A verdict for people: what was looked at, and each violation as a table. */
export function reportText(verdict: Verdict): string {
  const { operations, unknown, partitions, largestPartition, violations, undecided } = verdict;
  const lines = [
    `${operations} operations, ${unknown} of them without an answer, in ${partitions} partitions of up to ${largestPartition}`,
  ];
  for (const violation of violations) lines.push("", ...violationLines(violation));
  for (const { service, keys, operations, why } of undecided)
    lines.push("", `undecided: ${operations} operations of ${service}, ${keysText(keys)}: ${why}`);
  return [...lines, "", verdict.verdict].join("\n");
}

function violationLines({ service, keys, operations, stuck, possible }: Violation): string[] {
  const startMs = Math.min(...operations.map(({ invoked }) => invoked));
  const since = (ms: number) => (ms - startMs).toFixed(3);
  const rows = operations.map((one) => [
    isSame(one, stuck) ? ">" : " ",
    one.client,
    since(one.invoked),
    one.result === undefined ? "…" : since(one.result.returned),
    `${one.method} ${messageText(one.request)}`,
    one.result === undefined ? "no answer" : outcomeText(one.result.outcome),
  ]);
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const table = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return [
    `no order explains these ${operations.length} operations of ${service}, ${keysText(keys)}`,
    `(client, called and answered in ms after ${startMs}, call, answer):`,
    ...table,
    `> was answered ${stuck.result ? outcomeText(stuck.result.outcome) : "nothing"}; after what was answered before it could be:`,
    ...(possible.length === 0 ? ["    nothing"] : possible.map((outcome) => `    ${outcomeText(outcome)}`)),
  ];
}

function isSame(one: Operation, other: Operation): boolean {
  return one.client === other.client && one.invoked === other.invoked && one.method === other.method;
}

function keysText(keys: readonly string[]): string {
  if (keys.length === 0) return "all of it";
  const some = keys.slice(0, 5).map((key) => JSON.stringify(key));
  return `key ${some.join(", ")}${keys.length > 5 ? `, and ${keys.length - 5} more` : ""}`;
}

function outcomeText(outcome: Outcome): string {
  return "error" in outcome ? outcome.error : messageText(outcome.answer);
}

/** In one line; bytes stay in base64, as they are in the file. */
function messageText(message: Message): string {
  return JSON.stringify(message);
}
