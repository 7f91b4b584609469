// Disks that fail while the cluster works: full, and with errors at the moment of a sync (rule 4).

import { failingAcceptor, failingReplica } from "./support/disk-errors.mjs";
import { fullDisk } from "./support/disk-full.mjs";
import { flagValue } from "./support/flags.mjs";
import { equalReplicas, Load, verify } from "./support/load.mjs";
import { missing } from "./support/needs.mjs";
import { Processes } from "./support/processes.mjs";

export const name = "disk";
export const promise =
  "a full disk and a failed sync end the process with 7 and its reason, no vote leaves after, and a restart finds all it told";

/** Which syncs and which writes of an acceptor fail, counted from its start; the first is that of its start count. */
const syncs = [1, 2, 3, 10, 100];
const writes = [4, 50];
const replicaSyncs = [1, 2, 8];

/** @param {import("./run.mjs").Options} options `--only errors` leaves the full disk out, `--syncs N,N` chooses */
export async function run({ parameters, progress }) {
  const only = flagValue(parameters, "--only");
  const lacks = missing("strace", ...(only === "errors" ? [] : [/** @type {const} */ ("tmpfs")]));
  if (lacks) return { holds: true, figures: { leftOut: lacks } };
  const chosen = flagValue(parameters, "--syncs")?.split(",").map(Number);
  const commands = chosen ? 200 : 5_000;
  const processes = await Processes.start();
  const load = new Load(processes.replicas, { processes: commands < 5_000 ? 1 : 3 });
  /** @type {Record<string, { right: boolean } & Record<string, unknown>>} */
  const figures = {};
  /** @param {string} what @param {{ right: boolean } & Record<string, unknown>} found */
  const note = (what, found) => {
    figures[what] = found;
    progress(`${what}: ${JSON.stringify(found)}`);
  };
  try {
    await load.more(200);
    // First, while its store is small enough for the file system.
    if (only !== "errors") note("a full disk", await fullDisk(processes, load));
    for (const count of chosen ?? syncs)
      note(
        `fdatasync ${count} of an acceptor fails`,
        await failingAcceptor(processes, load, "fdatasync", count),
      );
    for (const count of chosen ? [] : writes)
      note(
        `pwrite64 ${count} of an acceptor fails`,
        await failingAcceptor(processes, load, "pwrite64", count),
      );
    for (const count of chosen ? [] : replicaSyncs)
      note(`fdatasync ${count} of a replica fails`, await failingReplica(processes, load, count));
    await load.more(Math.max(0, commands - load.acknowledged.size), 300_000);
    await load.stop();
    const verified = await verify(processes.replicas, load);
    const { equal } = await equalReplicas(processes);
    const right = verified.lost === 0 && verified.doubled === 0 && equal;
    return {
      holds: right && Object.values(figures).every((found) => found.right),
      figures: { ...verified, replicasEqual: equal, ...figures },
    };
  } finally {
    load.kill();
    await processes.end();
  }
}
