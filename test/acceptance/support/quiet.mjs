// When a cluster that nobody asks anything has nothing more to have decided by itself.
import { askStatus } from "@synod/cli";
import { systemService } from "@synod/state-machine";
import { readDecidedLog } from "./decided-log.mjs";
import { until } from "./processes.mjs";

const askMs = 1_000;
const withinMs = 60_000;

/** @typedef {import("./decided-log.mjs").DecidedBatch} DecidedBatch */

/**
 * Waits until slots stand still: every replica is introduced and waits for nothing that it proposed, there is a checkpoint
 * behind the last slot that calls for one (rule 18), each replica has reported it, and the acceptors have forgotten what comes
 * before. Nothing must be scheduled or held, and every member has to run.
 * @param {string} address of a replica
 */
export async function quiet(address) {
  const { configuration } = await askStatus(address, askMs);
  const { replicas, acceptors } = configuration;
  const ids = replicas.map(({ id }) => id);
  const said = async () => {
    const found = await Promise.all(replicas.map((member) => replicaState(member.address)));
    if (found.some((state) => state === undefined || state.queued + state.outstanding > 0)) return false;
    const [slotOut = 0, ...others] = new Set(found.map((state) => state?.slotOut));
    if (others.length > 0 || !allSaid(await readDecidedLog(address), slotOut - 1, ids)) return false;
    const trimPoint = Math.max(...found.map((state) => state?.trimPoint ?? 0));
    const trimmed = await Promise.all(acceptors.map((member) => trimmedBelow(member.address)));
    return trimPoint === 0 || trimmed.every((below) => below > trimPoint);
  };
  await until("nothing more to be decided by itself", said, withinMs);
}

/** Commands that call for no checkpoint where a batch holds nothing else. */
const silent = new Set(["Checkpoint", "Report", "InstallFoundation"]);

/** @param {DecidedBatch} decided */
const isSilent = ({ commands }) =>
  commands.length > 0 &&
  commands.every(({ service, method }) => service === systemService && silent.has(method));

/** @param {DecidedBatch[]} log @param {number} last the slot it goes to @param {string[]} replicas */
function allSaid(log, last, replicas) {
  const silentSlots = new Set(log.filter(isSilent).map(({ slot }) => slot));
  let calling = last;
  while (silentSlots.has(calling)) calling--;
  const begins = log[0]?.slot ?? last + 1;
  const reports = log.flatMap(({ commands }) =>
    commands.filter(({ service, method }) => service === systemService && method === "Report"),
  );
  return replicas.every((id) => {
    const report = reports.findLast(({ request }) => request.replica === id);
    // Where nothing in the log calls for a checkpoint, what it goes back to was one.
    return report !== undefined && (calling < begins || report.request.slot >= calling);
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
