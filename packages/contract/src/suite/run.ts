import { connectedLeader } from "../acceptor/acceptor-bench.js";
import { acceptorRows } from "../acceptor/acceptor-rows.js";
import { everyRoleRows } from "../every-role/every-role.js";
import { leaderRows } from "../leader/leader-rows.js";
import { replicaRows } from "../replica/replica-rows.js";
import { calculatorRows } from "../services/calculator-rows.js";
import { kvRows } from "../services/kv-rows.js";
import { lockRows } from "../services/lock-rows.js";
import { Context } from "./context.js";
import { NotPossible } from "./expect.js";
import { type Cell, type Check, type Column, columns, type Row } from "./matrix.js";
import { type RoleName, roles } from "./roles.js";

export interface ContractOptions {
  /** host:port by role; what is not given is not checked, and the matrix says so. */
  readonly addresses: Readonly<Partial<Record<RoleName, string>>>;
  /** Runs the checks that write, too. */
  readonly destructive?: boolean;
  /** Kills a service and starts it again on what its disk holds; for "what was answered survives". */
  readonly restart?: (role: RoleName) => Promise<void>;
  /** The time allowed for an answer that has to come, in milliseconds; 10,000 unless given. */
  readonly patienceMs?: number;
  /** Only the RPCs whose name begins with one of these. */
  readonly only?: readonly string[];
  /** Called after each check. */
  readonly onResult?: (result: CheckResult) => void;
}

export interface CheckResult {
  readonly rpc: string;
  readonly column: Column;
  readonly name: string;
  readonly rule: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** The reason why it failed or was skipped. */
  readonly reason?: string;
}

export interface CellResult {
  readonly checks: readonly CheckResult[];
  /** Set when the cell can hold no check. */
  readonly notApplicable?: string;
}

export interface RowResult {
  readonly role: RoleName;
  readonly rpc: string;
  readonly cells: Readonly<Record<Column, CellResult>>;
}

export interface ContractResult {
  readonly rows: readonly RowResult[];
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const allRows: readonly Row[] = [
  ...acceptorRows,
  ...leaderRows,
  ...replicaRows,
  ...kvRows,
  ...calculatorRows,
  ...lockRows,
  ...everyRoleRows,
];

/** Runs every check against the addresses given. Rejects only when the suite itself is wrong. */
export async function runContract(options: ContractOptions): Promise<ContractResult> {
  const { addresses, patienceMs = 10_000, restart } = options;
  const context = new Context({ addresses, patienceMs, restart });
  const rows: RowResult[] = [];
  const all: CheckResult[] = [];
  try {
    const barrier = await barriers(context, options);
    for (const row of allRows) {
      if (options.only && !options.only.some((start) => row.rpc.startsWith(start))) continue;
      const cells: Partial<Record<Column, CellResult>> = {};
      for (const column of columns) {
        const cell = row.cells[column];
        const checks =
          typeof cell === "string" ? [] : await runCell(context, options, barrier, row, column, cell);
        all.push(...checks);
        cells[column] = typeof cell === "string" ? { checks, notApplicable: cell } : { checks };
      }
      rows.push({ role: row.role, rpc: row.rpc, cells: cells as Record<Column, CellResult> });
    }
  } finally {
    context.close();
  }
  const count = (outcome: CheckResult["outcome"]) => all.filter((one) => one.outcome === outcome).length;
  return { rows, passed: count("passed"), failed: count("failed"), skipped: count("skipped") };
}

type Barriers = Readonly<Record<RoleName, (check: Check) => string | undefined>>;

/** The reason why a check must not run against a role; undefined when it may. */
async function barriers(context: Context, options: ContractOptions): Promise<Barriers> {
  // Ballots and values of a contract run in an acceptor that is in use would break its cluster.
  const led = await connectedLeader(context);
  const of = (role: RoleName) => (check: Check) => {
    if (!context.has(role)) return `no --${role} was given`;
    const missing = check.needs?.find((needed) => !context.has(needed));
    if (missing !== undefined) return `it needs a ${missing} too, and no --${missing} was given`;
    if (check.writes && !options.destructive) return "it writes: only with --destructive";
    if (check.writes && role === "acceptor" && led !== undefined)
      return `it writes, and leader ${led} is connected to this acceptor: give one that no leader uses`;
    if (check.restarts && !options.restart) return "it needs a restart, which nobody can do from here";
    return undefined;
  };
  return Object.fromEntries(roles.map((role) => [role, of(role)])) as Barriers;
}

async function runCell(
  context: Context,
  options: ContractOptions,
  barriers: Barriers,
  { role, rpc }: Row,
  column: Column,
  cell: Exclude<Cell, string>,
): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const check of cell) {
    const { name, rule } = check;
    const barrier = barriers[role](check);
    const base = { rpc, column, name, rule };
    const result: CheckResult =
      barrier === undefined
        ? { ...base, ...(await runCheck(context, check)) }
        : { ...base, outcome: "skipped", reason: barrier };
    results.push(result);
    options.onResult?.(result);
  }
  return results;
}

async function runCheck(context: Context, check: Check): Promise<Pick<CheckResult, "outcome" | "reason">> {
  try {
    await check.run(context);
    return { outcome: "passed" };
  } catch (error) {
    if (error instanceof NotPossible) return { outcome: "skipped", reason: error.message };
    return { outcome: "failed", reason: error instanceof Error ? error.message : String(error) };
  } finally {
    context.release();
  }
}
