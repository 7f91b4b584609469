import type { Context } from "./context.js";
import type { RoleName } from "./roles.js";

export const columns = [
  "accepted",
  "higher ballot",
  "repeated",
  "reordered",
  "malformed",
  "oversized",
  "wrong cluster",
] as const;
export type Column = (typeof columns)[number];

/** One thing that an implementation must do. */
export interface Check {
  /** The demand, as a sentence. */
  readonly name: string;
  /** The source of the demand: a rule of docs/protocol.md, a section of the paper, or a proto file. */
  readonly rule: string;
  /** Changes what the service keeps; skipped unless asked for. */
  readonly writes: boolean;
  /** Needs the service to be killed and started again. */
  readonly restarts: boolean;
  /** Roles whose addresses it needs besides that of its row. */
  readonly needs?: readonly RoleName[];
  run(context: Context): Promise<void>;
}

/** The content of one column for one RPC: checks, or the reason why there can be none. */
export type Cell = readonly Check[] | string;

export interface Row {
  readonly role: RoleName;
  /** `Acceptor.Prepare`, or `Acceptor.Vote P1a` for one message of a stream. */
  readonly rpc: string;
  readonly cells: Readonly<Record<Column, Cell>>;
}

export function check(rule: string, name: string, run: Check["run"]): Check {
  return { rule, name, run, writes: false, restarts: false };
}

export function writing(rule: string, name: string, run: Check["run"]): Check {
  return { rule, name, run, writes: true, restarts: false };
}

export function restarting(rule: string, name: string, run: Check["run"]): Check {
  return { rule, name, run, writes: true, restarts: true };
}
