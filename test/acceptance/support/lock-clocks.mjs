// Locks while wall clocks jump an hour either way and processes stand still for longer than a lock lives: a holder that
// renews keeps its lock throughout, and one that does not loses it, but never early.
import { readDecidedLog } from "./decided-log.mjs";
import { FakedClocks } from "./faked-clocks.mjs";
import { faketimeLibrary, forgetFakedDead } from "./faketime.mjs";
import { equalReplicas } from "./load.mjs";
import { LockCaller, nowMs } from "./lock-caller.mjs";
import { judge } from "./lock-verdict.mjs";
import { missing } from "./needs.mjs";
import { Processes, until } from "./processes.mjs";

const ttlMs = 2_000;
const pauseMs = 2_500;
const renewEveryMs = 400;
const hourSeconds = 3_600;
/** For a lock to end by itself after all, whatever happens. */
const endsWithinMs = 30_000;

/** @typedef {{ what: string, disturb: () => Promise<void> }} Trial */
/** @typedef {import("./lock-caller.mjs").Note} Note */

/** @param {{ rounds: number, random: () => number, progress: (line: string) => void }} options */
export async function clocks({ rounds, random, progress }) {
  const library = faketimeLibrary();
  const lack = missing("faketime");
  const leftOut = lack === undefined ? undefined : `jumps of the wall clock: ${lack}`;
  if (leftOut !== undefined) progress(`left out: ${leftOut}`);
  const startedAtMs = nowMs();
  const processes = await Processes.prepare();
  const faked = library === undefined ? undefined : new FakedClocks(processes, library);
  for (const { id } of processes.plan.members) processes.start(id);
  /** @type {Note[]} */
  const notes = [];
  /** @type {Keeper | undefined} */
  let keeper;
  try {
    await processes.ready();
    keeper = await Keeper.start(elsewhere(processes), notes);
    const trials = Array.from({ length: rounds }, (_, round) => [
      ...(faked === undefined ? [] : jumps(processes, faked, round, random)),
      ...pauses(processes),
    ]).flat();
    for (const [index, trial] of trials.entries()) {
      await lapseUnder(trial, index, processes, notes);
      progress(
        `${index + 1} of ${trials.length}: ${trial.what}; renewed ${keeper.renewals} times, still held`,
      );
      if (keeper.lost !== undefined) break;
    }
    await keeper.stop();
    const { equal } = await equalReplicas(processes);
    const log = await readDecidedLog(processes.address("r1"));
    const { problems, figures } = judge(log, notes, nowMs() - startedAtMs);
    if (keeper.lost !== undefined) problems.push(`the holder that renewed lost its lock: ${keeper.lost}`);
    for (const problem of problems.slice(0, 20)) progress(problem);
    return {
      holds: problems.length === 0 && equal && figures.expiriesSeen === trials.length,
      figures: {
        trials: trials.length,
        ...(leftOut === undefined ? {} : { leftOut }),
        renewals: keeper.renewals,
        longestWithoutRenewalMs: Math.round(keeper.longestGapMs),
        ...figures,
        replicasEqual: equal,
        problems: problems.length,
        firstProblems: problems.slice(0, 3),
      },
    };
  } catch (error) {
    processes.keep();
    progress(`the directory stays: ${processes.plan.directory}`);
    throw error;
  } finally {
    keeper?.kill();
    await processes.end();
    forgetFakedDead();
  }
}

/** The replicas that are never paused alone; the first one, which is, moves log time as long as it can. @param {Processes} processes */
const elsewhere = (processes) => processes.replicas.slice(1);

/**
 * One holds a lock and lets it lapse while something happens; another one waits for it. The verdict says whether it came
 * too early.
 * @param {Trial} trial @param {number} index @param {Processes} processes @param {Note[]} notes
 */
async function lapseUnder({ what, disturb }, index, processes, notes) {
  const options = { replicas: elsewhere(processes), lock: `lapsing-${index}` };
  const [holder, waiter] = [new LockCaller(options), new LockCaller(options)];
  try {
    // Both have a session before time counts, so that nothing keeps the first asking of the waiter.
    await waiter.release("1");
    await holder.acquire(`holder-${index}`, ttlMs);
    await waiter.ask(`waiter-${index}`, ttlMs);
    let granted = false;
    const waiting = waiter.acquire(`waiter-${index}`, ttlMs).then((token) => {
      granted = true;
      return waiter.release(token);
    });
    // Whoever does not get to awaiting it has another error to tell.
    waiting.catch(() => {});
    await disturb();
    await until(`a lock to end during ${what}`, () => granted, endsWithinMs);
    await waiting;
  } finally {
    notes.push(...holder.takeNotes(), ...waiter.takeNotes());
    holder.close();
    waiter.close();
  }
}

/**
 * At first all clocks jump together; later each member's by chance, so that they differ by up to two hours.
 * @param {Processes} processes @param {FakedClocks} faked @param {number} round @param {() => number} random
 * @returns {Trial[]}
 */
function jumps(processes, faked, round, random) {
  const all = processes.plan.members.map(({ id }) => id);
  const some = () => (round === 0 ? all : all.filter(() => random() < 0.5));
  /** @param {number} seconds @returns {Trial} */
  const jump = (seconds) => {
    const ids = some();
    return {
      what: `${ids.join(", ")}: wall clock ${seconds > 0 ? "+" : ""}${seconds} s`,
      disturb: async () => {
        faked.jump(ids, seconds);
        await faked.show();
      },
    };
  };
  const restarted = processes.ids("replica")[round % 3] ?? "r1";
  const restart = {
    what: `${restarted} started again under such a clock`,
    disturb: async () => {
      await processes.kill(restarted);
      processes.start(restarted);
      await processes.ready([restarted]);
    },
  };
  return [jump(hourSeconds), restart, jump(-hourSeconds)];
}

/** @param {Processes} processes @returns {Trial[]} */
function pauses(processes) {
  /** @param {string[]} ids */
  const pause = async (ids) => {
    for (const id of ids) processes.signal(id, "SIGSTOP");
    // Not a guess: this is for how long they stand still.
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    for (const id of ids) processes.signal(id, "SIGCONT");
    await processes.ready();
  };
  return [
    { what: "the first replica paused", disturb: () => pause(["r1"]) },
    { what: "the active leader paused", disturb: async () => pause([await processes.leader()]) },
    { what: "every replica paused", disturb: () => pause(processes.ids("replica")) },
  ];
}

/** Holds a lock and renews it, as long as it can. */
class Keeper {
  renewals = 0;
  longestGapMs = 0;
  /** Why it does not hold any more. @type {string | undefined} */ lost;
  #caller;
  #token;
  #notes;
  #stopping = false;
  /** @type {Promise<void>} */ #keeping;

  /** @param {string[]} replicas @param {Note[]} notes gets what it was told */
  static async start(replicas, notes) {
    const caller = new LockCaller({ replicas, lock: "kept" });
    return new Keeper(caller, await caller.acquire("keeper", ttlMs), notes);
  }

  /** @param {LockCaller} caller @param {string} token @param {Note[]} notes */
  constructor(caller, token, notes) {
    this.#caller = caller;
    this.#token = token;
    this.#notes = notes;
    this.#keeping = this.#keep().catch((error) => {
      this.lost = String(error);
    });
  }

  async stop() {
    this.#stopping = true;
    await this.#keeping;
    this.#notes.push(...this.#caller.takeNotes());
  }

  kill() {
    this.#stopping = true;
    this.#caller.close();
  }

  async #keep() {
    let renewedAtMs = nowMs();
    while (!this.#stopping) {
      const { code } = await this.#caller.renew(this.#token, ttlMs);
      if (code !== undefined) throw new Error(`a renewal was refused with ${code}`);
      this.renewals += 1;
      this.longestGapMs = Math.max(this.longestGapMs, nowMs() - renewedAtMs);
      renewedAtMs = nowMs();
      await new Promise((resolve) => setTimeout(resolve, renewEveryMs));
    }
    await this.#caller.release(this.#token);
  }
}
