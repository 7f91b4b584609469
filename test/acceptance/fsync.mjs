// Rule 3 as the kernel sees it: an acceptor under strace, and every P1b and P2b that leaves it held against what was
// written and synced before. The same with faults planted in a copy, which must be noticed.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { flagNumber } from "./support/flags.mjs";
import { Load, verify } from "./support/load.mjs";
import { copyWithFaults } from "./support/mutants.mjs";
import { missing } from "./support/needs.mjs";
import { Processes, until } from "./support/processes.mjs";
import { callRaw } from "./support/raw.mjs";
import { callsIn, tracing } from "./support/strace.mjs";
import { judgedCalls, VoteJudge } from "./support/vote-judge.mjs";

export const name = "fsync";
export const promise =
  "no P1b or P2b leaves an acceptor before the records it rests on are written and synced; noSync and early votes are noticed";

/** Faults by which an acceptor tells of records that are not on its disk (rule 3). */
const earlyVotes = [
  "r03-lmdb-does-not-sync",
  "r03-answers-wait-for-no-commit",
  "r03-vote-before-disk",
  "r03-promise-before-disk",
];

/** How many ask for P1b while the load runs. */
const askers = 3;

/** @param {import("./run.mjs").Options} options `--commands N`, `--faults N` */
export async function run({ parameters, progress }) {
  const lacks = missing("strace");
  if (lacks) return { holds: true, figures: { leftOut: lacks } };
  const commands = flagNumber(parameters, "--commands", 5_000);
  const wanted = flagNumber(parameters, "--faults", earlyVotes.length);
  const sound = await traced(commands, 3);
  progress(`as it is: ${JSON.stringify(sound)}`);
  const { counts, violations, first: _, ...load } = sound;
  const enough = load.acknowledged >= commands && counts.p2b >= commands / 4 && counts.p1b >= commands / 20;
  let holds = violations === 0 && enough && load.lost === 0 && load.doubled === 0;
  /** @type {Record<string, string>} */
  const planted = {};
  for (const fault of earlyVotes.slice(0, wanted)) {
    const copy = copyWithFaults(fault);
    try {
      const faulty = await traced(Math.min(500, commands), 1, copy.folder);
      holds &&= faulty.violations > 0;
      planted[fault] =
        faulty.violations > 0 ? `noticed: ${faulty.violations} times, first: ${faulty.first}` : "NOT NOTICED";
      progress(`${fault}: ${planted[fault]}`);
    } finally {
      copy.remove();
    }
  }
  return { holds, figures: { ...load, ...counts, violations, planted } };
}

/**
 * One acceptor under strace, from a copy if one is named, as one of three under load, with leaders that die so that there
 * is a phase 1, and with somebody who asks it again and again for what it has just accepted.
 * @param {number} commands
 * @param {number} leaders how many are killed
 * @param {string} [folder]
 */
async function traced(commands, leaders, folder) {
  const scratch = mkdtempSync(path.join(tmpdir(), "synod-fsync-"));
  const file = path.join(scratch, "trace");
  const processes = await Processes.prepare();
  // Small batches, so that the commands need many slots.
  for (const id of processes.ids("replica")) processes.limit(id, { maxBatchCommands: 2 });
  for (const { id } of processes.plan.members)
    processes.start(
      id,
      id === "a1" ? { before: tracing(file, judgedCalls), ...(folder && { folder }) } : undefined,
    );
  /** @type {Load | undefined} */
  let load;
  try {
    await processes.ready();
    const started = new Load(processes.replicas, { processes: commands < 5_000 ? 1 : 3 });
    load = started;
    const asking = Promise.all(Array.from({ length: askers }, () => ask(processes, started)));
    for (let round = 0; round < leaders; round++) {
      await load.more(commands / (leaders + 1), 120_000);
      await until("an active leader", async () => {
        const id = await processes.activeLeader();
        if (!id) return false;
        await processes.kill(id);
        processes.start(id);
        return true;
      });
    }
    await load.more(Math.max(0, commands - load.acknowledged.size), 120_000);
    await load.stop();
    await asking;
    const verified = await verify(processes.replicas, load);
    await caughtUp(processes);
    processes.signal("a1", "SIGTERM");
    await processes.child("a1").ended;
    const judge = new VoteJudge(path.join(processes.member("a1").data, "data.mdb"));
    for await (const call of callsIn(file)) judge.take(call);
    const { counts, violations } = judge;
    return { ...verified, counts, violations: violations.length, first: violations[0] };
  } finally {
    load?.kill();
    await processes.end();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * While the load runs, P1a with a ballot too low to depose anybody: the P1b tells the slots that were accepted in this
 * moment, and must not leave before they are on disk.
 * @param {Processes} processes @param {Load} load
 */
async function ask(processes, load) {
  let from = 1;
  while (!load.stopped) {
    const { response } = await callRaw(processes.address("a1"), "synod.v1.Acceptor/Prepare", {
      ballot: { round: "1", leader: "a", incarnation: "1" },
      configuration: "1",
      from: String(from),
      scout: "1",
    });
    from = Math.max(
      1,
      ...(response?.accepted ?? []).map((/** @type {{ slot: string }} */ { slot }) => Number(slot) - 20),
    );
  }
}

/** The traced acceptor is slower than the others: what it has not voted on yet is worth waiting for. @param {Processes} processes */
async function caughtUp(processes) {
  const highest = async (/** @type {string} */ id) => {
    const state = (await processes.status(id, 5_000))?.state;
    return state?.role === "acceptor" ? state.highestSlot : -1;
  };
  await until("the traced acceptor to catch up", async () => {
    const [traced, other] = await Promise.all([highest("a1"), highest("a2")]);
    return traced >= 0 && traced >= other;
  });
}
