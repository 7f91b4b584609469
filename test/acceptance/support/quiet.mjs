// When a cluster that nobody asks anything has nothing more to have decided by itself.
import { askStatus } from "@synod/cli";
import { systemService } from "@synod/state-machine";
import { readDecidedLog } from "./decided-log.mjs";
import { until } from "./processes.mjs";

const askMs = 1_000;

/** @typedef {import("./decided-log.mjs").DecidedBatch} DecidedBatch */

/**
 * Waits until slots stand still: every replica is introduced and has its own session, the last checkpoint is behind the
 * last command, each replica has reported it, and the acceptors have forgotten what comes before. Nothing must be scheduled
 * or held, every member has to run, and the log may hold no command of a session that nobody opened: nothing is executed
 * for it, so no checkpoint follows.
 * @param {string} address of a replica
 */
export async function quiet(address) {
  const { configuration } = await askStatus(address, askMs);
  const { replicas, acceptors } = configuration;
  const ids = replicas.map(({ id }) => id);
  await until("nothing more to be decided by itself", async () => {
    const found = await Promise.all(replicas.map((member) => replicaState(member.address)));
    if (found.some((state) => state === undefined || state.queued + state.outstanding > 0)) return false;
    if (new Set(found.map((state) => state?.slotOut)).size > 1) return false;
    if (!allSaid(await readDecidedLog(address), ids)) return false;
    const trimPoint = Math.max(...found.map((state) => state?.trimPoint ?? 0));
    const trimmed = await Promise.all(acceptors.map((member) => trimmedBelow(member.address)));
    return trimPoint === 0 || trimmed.every((below) => below > trimPoint);
  });
}

/** @param {DecidedBatch[]} log @param {string[]} replicas */
function allSaid(log, replicas) {
  const commands = log.flatMap(({ slot, replica, commands }) =>
    commands.map((command) => ({ slot, replica, ...command })),
  );
  const own = commands.filter(({ service }) => service === systemService);
  const lastCommand = commands.findLast(({ service }) => service !== systemService)?.slot ?? 0;
  return replicas.every((id) => {
    const report = own.findLast(({ method, request }) => method === "Report" && request.replica === id);
    const opened = own.some(({ method, replica }) => method === "OpenSession" && replica === id);
    return opened && report !== undefined && report.request.slot >= lastCommand;
  });
}

/** @param {string} address */
async function replicaState(address) {
  const { state, serving } = await askStatus(address, askMs);
  return state.role === "replica" && serving ? state : undefined;
}

/** @param {string} address */
async function trimmedBelow(address) {
  const { state } = await askStatus(address, askMs);
  return state.role === "acceptor" ? state.trimmedBelow : 0;
}
