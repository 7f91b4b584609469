// How long the event loops of services were held up, as a probe inside each of them saw it.
import { readFileSync } from "node:fs";
import path from "node:path";

/** @typedef {{ at: number, lateMs?: number, waitedMs?: number, collectedMs?: number }} Stall */

const probe = path.join(import.meta.dirname, "stall-probe.mjs");

/** Has a member write down its stalls from its next start on. @param {import("./processes.mjs").Processes} processes @param {string} id */
export function watchStalls(processes, id) {
  processes.environments.set(id, {
    NODE_OPTIONS: `--import ${probe}`,
    STALL_FILE: fileOf(processes, id),
  });
}

/** @param {import("./processes.mjs").Processes} processes @param {string} id */
const fileOf = (processes, id) => path.join(processes.plan.directory, `stalls-${id}`);

/**
 * The longest stalls of a member between two moments: all, without the time in which it waited for a processor, and the
 * longest collection of garbage.
 * @param {import("./processes.mjs").Processes} processes @param {string} id @param {number} from @param {number} until
 */
export function longestStalls(processes, id, from, until) {
  /** @type {Stall[]} */
  let stalls = [];
  try {
    const lines = readFileSync(fileOf(processes, id), "latin1").trimEnd().split("\n");
    stalls = lines.filter(Boolean).map((line) => JSON.parse(line));
  } catch {
    // Never held up.
  }
  const within = stalls.filter(({ at }) => at >= from && at <= until);
  /** @param {(stall: Stall) => number} ms */
  const longest = (ms) => Math.round(Math.max(0, ...within.map(ms)));
  return {
    allMs: longest(({ lateMs = 0 }) => lateMs),
    ownMs: longest(({ lateMs = 0, waitedMs = 0 }) => lateMs - waitedMs),
    collectedMs: longest(({ collectedMs = 0 }) => collectedMs),
  };
}
