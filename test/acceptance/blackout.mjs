// Every process of the cluster is killed in the same moment, under load, again and again. The last time a replica comes back
// with an empty directory: the others and the acceptors have all of it.
import { flagNumber } from "./support/flags.mjs";
import { equalReplicas, Load, verify } from "./support/load.mjs";
import { Processes } from "./support/processes.mjs";

export const name = "blackout";
export const promise =
  "all nine processes killed at once under load, ten times, at last with a replica's disk lost: nothing acknowledged is lost, nothing twice";

/** Commands that are acknowledged before everything is killed. */
const perRound = 500;

/** @param {import("./run.mjs").Options} options `--rounds N` */
export async function run({ parameters, progress }) {
  const rounds = flagNumber(parameters, "--rounds", 10);
  const processes = await Processes.start();
  // Longer than any blackout, so that clients wait and try again.
  const load = new Load(processes.replicas, { deadlineMs: 120_000 });
  try {
    const blackouts = await blackOut({ processes, load, rounds, progress });
    await load.more(Math.max(perRound, (rounds >= 10 ? 5_000 : 0) - load.acknowledged.size));
    await load.stop();
    const verified = await verify(processes.replicas, load);
    const { equal, states } = await equalReplicas(processes);
    return {
      holds: verified.lost === 0 && verified.doubled === 0 && equal,
      figures: {
        rounds,
        processesKilled: rounds * processes.plan.members.length,
        ...verified,
        slowestReturnMs: Math.max(...blackouts.map(({ outMs }) => outMs)),
        replicasEqual: equal,
        ...(equal ? {} : { states }),
        whyFailed: [...new Set(load.failed.values())].slice(0, 3),
      },
    };
  } finally {
    load.kill();
    await processes.end();
  }
}

/**
 * Kills every member at once, again and again, the last time with a replica's disk lost.
 * @param {{ processes: Processes, load: Load, rounds: number, progress: (line: string) => void }} options
 */
export async function blackOut({ processes, load, rounds, progress }) {
  /** @type {{ outMs: number, acknowledged: number }[]} */
  const blackouts = [];
  for (let round = 0; round < rounds; round++) {
    await load.more(perRound);
    const acknowledged = load.acknowledged.size;
    const killedAt = Date.now();
    for (const { id } of processes.plan.members) processes.signal(id, "SIGKILL");
    await Promise.all([...processes.children.values()].map((child) => child.ended));
    if (round === rounds - 1) processes.loseData("r1");
    for (const { id } of processes.plan.members) processes.start(id);
    await processes.ready();
    await load.more(1);
    const outMs = (load.times.find((at) => at > killedAt + 100) ?? Date.now()) - killedAt;
    blackouts.push({ outMs, acknowledged });
    progress(
      `${round + 1}: all killed after ${acknowledged} commands, acknowledging again after ${outMs} ms`,
    );
  }
  return blackouts;
}
