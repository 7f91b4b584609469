// Under load, processes of every role die and come back, and nothing acknowledged is lost or executed twice.
import { flagNumber, pick, random, seedOf } from "./support/flags.mjs";
import { equalReplicas, Load, verify } from "./support/load.mjs";
import { Processes } from "./support/processes.mjs";

export const name = "kills";
export const promise =
  "20 × kill -9 each of the active leader, an acceptor and a replica under load; every gap under 3 s";

/** The longest time without an acknowledgement around a kill. */
export const worstGapMs = 3_000;

/** @param {{ parameters: string[], progress: (line: string) => void }} options */
export async function run({ parameters, progress }) {
  const rounds = flagNumber(parameters, "--rounds", 20);
  const seed = seedOf(parameters);
  const draw = random(seed);
  progress(`seed ${seed}: ${rounds} kills of each role`);
  const processes = await Processes.start();
  const load = new Load(processes.replicas);
  try {
    await load.more(500);
    const startedAt = Date.now();
    const kills = await killEachRole({ processes, load, rounds, draw, progress });
    const seconds = (Date.now() - startedAt) / 1000;
    await load.stop();
    const verified = await verify(processes.replicas, load);
    const { equal, states } = await equalReplicas(processes);
    const gaps = kills.map((kill) => kill.gapMs).sort((a, b) => a - b);
    const worst = gaps.at(-1) ?? 0;
    const byRole = Object.fromEntries(
      ["leader", "acceptor", "replica"].map((role) => [
        role,
        Math.max(...kills.filter((kill) => kill.role === role).map((kill) => kill.gapMs)),
      ]),
    );
    const enough = verified.acknowledged >= (rounds >= 20 ? 5_000 : 500);
    return {
      holds: verified.lost === 0 && verified.doubled === 0 && equal && worst < worstGapMs && enough,
      figures: {
        seed,
        kills: kills.length,
        seconds: Math.round(seconds),
        ...verified,
        worstGapMs: worst,
        medianGapMs: gaps[Math.floor(gaps.length / 2)],
        worstGapMsByRole: byRole,
        slowestReturnMs: Math.max(...kills.map((kill) => kill.backMs)),
        replicasEqual: equal,
        ...(equal ? {} : { states }),
        whyFailed: [...new Set(load.failed.values())].slice(0, 3),
      },
    };
  } catch (error) {
    processes.keep();
    progress(`the directory stays: ${processes.plan.directory}`);
    throw error;
  } finally {
    load.kill();
    await processes.end();
  }
}

/**
 * Kills the active leader, an acceptor and a replica in turn, each back in service before the next.
 * @param {{ processes: Processes, load: Load, rounds: number, draw: () => number, progress: (line: string) => void }} options
 */
export async function killEachRole({ processes, load, rounds, draw, progress }) {
  /** @type {{ role: string, id: string, gapMs: number, backMs: number }[]} */
  const kills = [];
  for (let round = 0; round < rounds; round++) {
    for (const role of ["leader", "acceptor", "replica"]) {
      const id = role === "leader" ? await processes.leader() : pick(draw, processes.ids(role));
      const killedAt = Date.now();
      await processes.kill(id);
      await load.more(50);
      processes.start(id);
      const startedAgainAt = Date.now();
      await processes.ready([id]);
      const backMs = Date.now() - startedAgainAt;
      await load.more(50);
      kills.push({ role, id, gapMs: load.longestGap(killedAt, Date.now()), backMs });
      progress(
        `${kills.length}: ${role} ${id} killed, longest gap ${kills.at(-1)?.gapMs} ms, back in service after ${backMs} ms`,
      );
    }
  }
  return kills;
}
