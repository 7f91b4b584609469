// Locks: one holder at a time, in the order of asking, with tokens that only grow, while members of every role are killed,
// holders lapse, clocks jump and processes stand still.
import { randomBelow } from "@synod/core";
import { readDecidedLog } from "./support/decided-log.mjs";
import { random as chance, flagNumber, flagValue, seedOf } from "./support/flags.mjs";
import { equalReplicas } from "./support/load.mjs";
import { nowMs } from "./support/lock-caller.mjs";
import { clocks } from "./support/lock-clocks.mjs";
import { Contenders } from "./support/lock-contenders.mjs";
import { judge } from "./support/lock-verdict.mjs";
import { Processes } from "./support/processes.mjs";

export const name = "locks";
export const promise =
  "2,000 acquisitions of one lock under kills and lapses, and clocks that jump: one holder, in order, never early";

const roles = /** @type {const} */ (["acceptor", "leader", "replica"]);
/** How many of each may be down at a time, of three. */
const mayBeDown = { acceptor: 1, leader: 2, replica: 2 };
/** So many acquisitions cost one that is not released. */
const acquisitionsForALapse = 50;

/** @typedef {(line: string) => void} Progress */

/** @param {{ parameters: string[], progress: Progress }} options `--part contention` or `--part clocks` runs one alone */
export async function run({ parameters, progress }) {
  const seed = seedOf(parameters);
  const random = chance(seed);
  const part = flagValue(parameters, "--part");
  progress(`seed ${seed}`);
  const contended = part === "clocks" ? undefined : await contention({ parameters, random, progress });
  const rounds = flagNumber(parameters, "--rounds", 3);
  const clocked = part === "contention" ? undefined : await clocks({ rounds, random, progress });
  return {
    holds: [contended, clocked].every((outcome) => outcome?.holds !== false),
    figures: {
      seed,
      ...(contended === undefined ? {} : { contention: contended.figures }),
      ...(clocked === undefined ? {} : { clocks: clocked.figures }),
    },
  };
}

/** @param {{ parameters: string[], random: () => number, progress: Progress }} options */
async function contention({ parameters, random, progress }) {
  const acquisitions = flagNumber(parameters, "--acquisitions", 2_000);
  const kills = flagNumber(parameters, "--kills", 24);
  const lapses = Math.max(3, Math.round(acquisitions / acquisitionsForALapse));
  // Before the members start, because log time may begin with them.
  const startedAtMs = nowMs();
  const processes = await Processes.start();
  const contenders = new Contenders({ replicas: processes.replicas, acquisitions, lapses, progress });
  try {
    const killed = await killAlong({ processes, contenders, acquisitions, kills, random, progress });
    await contenders.reached(acquisitions);
    await contenders.stop();
    const { equal, states } = await equalReplicas(processes);
    const from = processes.replicas[randomBelow(random, processes.replicas.length)] ?? "";
    const log = await readDecidedLog(from);
    const verdict = judge(log, contenders.notes, nowMs() - startedAtMs);
    for (const problem of verdict.problems.slice(0, 20)) progress(problem);
    const { staleWrites, acquired } = contenders;
    const lapsed = Object.values(contenders.lapses).every((count) => count > 0);
    const everyRole = roles.every((role) => killed[role] > 0);
    return {
      holds:
        verdict.problems.length === 0 &&
        equal &&
        acquired >= acquisitions &&
        verdict.figures.grantsToldToClients >= acquisitions &&
        verdict.figures.repeatsInLog > 0 &&
        everyRole &&
        lapsed &&
        staleWrites.refused > 0 &&
        staleWrites.accepted === 0,
      figures: {
        acquired,
        killed,
        lapses: contenders.lapses,
        staleWrites,
        ...verdict.figures,
        replicasEqual: equal,
        ...(equal ? {} : { states }),
        problems: verdict.problems.length,
        firstProblems: verdict.problems.slice(0, 3),
      },
    };
  } catch (error) {
    processes.keep();
    progress(`the directory stays: ${processes.plan.directory}`);
    throw error;
  } finally {
    contenders.kill();
    await processes.end();
  }
}

/**
 * Kills members at moments spread over all acquisitions, one to three of them at a time: each role in turn, and others by
 * chance. The lock goes on changing hands while they are gone, and each comes back.
 * @param {{ processes: Processes, contenders: Contenders, acquisitions: number, kills: number, random: () => number,
 *   progress: Progress }} options
 */
async function killAlong({ processes, contenders, acquisitions, kills, random, progress }) {
  const killed = { acceptor: 0, leader: 0, replica: 0 };
  for (let done = 0, round = 0; done < kills; round++) {
    await contenders.reached(Math.floor((acquisitions * done) / kills));
    const role = roles[round % roles.length] ?? "leader";
    const first = role === "leader" ? await processes.activeLeader() : undefined;
    // As long as a role's turn is still to come, one is left for it.
    const most = kills - done - Math.max(0, roles.length - 1 - round);
    const victims = chooseVictims(processes, { role, id: first }, Math.max(1, most), random);
    await Promise.all(victims.map(({ id }) => processes.kill(id)));
    await contenders.reached(contenders.acquired + 3);
    for (const { id } of victims) processes.start(id);
    await processes.ready(victims.map(({ id }) => id));
    for (const { role } of victims) killed[role] += 1;
    done += victims.length;
    progress(`${done} of ${kills} killed: ${victims.map(({ id }) => id).join(", ")}, back in service`);
  }
  return killed;
}

/**
 * @param {Processes} processes
 * @param {{ role: (typeof roles)[number], id: string | undefined }} first one of this role is among them, this one if named
 * @param {number} most @param {() => number} random
 */
function chooseVictims(processes, first, most, random) {
  const members = roles.flatMap((role) => processes.ids(role).map((id) => ({ role, id })));
  const order = ({ role = "", id = "" }) =>
    random() - (role === first.role ? 1 : 0) - (id === first.id ? 2 : 0);
  const [one, ...others] = members
    .map((member) => ({ member, order: order(member) }))
    .sort((a, b) => a.order - b.order)
    .map(({ member }) => member);
  const wanted = Math.min(most, 1 + randomBelow(random, 3));
  const down = { acceptor: 0, leader: 0, replica: 0 };
  /** @type {typeof members} */
  const victims = [];
  for (const member of one === undefined ? [] : [one, ...others.reverse()]) {
    if (victims.length === wanted || down[member.role] === mayBeDown[member.role]) continue;
    down[member.role] += 1;
    victims.push(member);
  }
  return victims;
}
