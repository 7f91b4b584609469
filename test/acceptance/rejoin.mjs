// A replica loses its disk under load, and is brought up again by another one.
import { readFileSync, rmSync } from "node:fs";
import { flagNumber } from "./support/flags.mjs";
import { equalReplicas } from "./support/load.mjs";
import { median, Pace } from "./support/pace.mjs";
import { Processes, until } from "./support/processes.mjs";
import { followReplicas, prematureReports } from "./support/reports.mjs";
import { fill, pushLogOn } from "./support/rows.mjs";
import { longestStalls, watchStalls } from "./support/stalls.mjs";

export const name = "rejoin";
export const promise =
  "a replica whose disk is lost is back within 60 s at a million keys under half the peak load: p99 at most 3 × that before, " +
  "no stall of 50 ms, and it counts for trimming only once it has caught up";

const victim = "r3";
const nearSlots = 1_000;
const withinMs = 60_000;
const mostSlower = 3;
const longestStallMs = 50;
const peakSeconds = 10;

/** @typedef {{ lostAtSlot: number, seconds: number, installedAfterSeconds: number, p99Times: number, before: ReturnType<Pace["window"]>, during: ReturnType<Pace["window"]>, stallMs: Record<string, ReturnType<typeof longestStalls>>, stallMsBefore: Record<string, ReturnType<typeof longestStalls>>, premature: string[] }} Round */

/**
 * @param {import("./run.mjs").Options} options `--keys N`, `--rounds N`, `--rate N` instead of half the peak, `--steady S`
 *   seconds before each loss; `--no-latency` leaves out what only an idle machine shows
 */
export async function run({ parameters, progress }) {
  const keys = flagNumber(parameters, "--keys", 1_000_000);
  const rounds = flagNumber(parameters, "--rounds", 3);
  const judgesLatency = !parameters.includes("--no-latency");
  const steadyMs = flagNumber(parameters, "--steady", 30) * 1000;
  const processes = await Processes.prepare();
  for (const id of processes.ids("replica")) watchStalls(processes, id);
  for (const { id } of processes.plan.members) processes.start(id);
  /** @type {Pace | undefined} */
  let pace;
  try {
    await processes.ready();
    const filled = await fill(processes.replicas, keys, { progress });
    await pushLogOn(processes.replicas);
    pace = new Pace(processes.replicas);
    await pace.ready();
    const given = flagNumber(parameters, "--rate", 0);
    const peakPerSecond = given > 0 ? given * 2 : await peakOf(pace);
    progress(`peak: ${peakPerSecond} commands/s`);
    pace.rate(peakPerSecond / 2);
    /** @type {Round[]} */
    const lost = [];
    let leastSteadyMs = steadyMs;
    for (let round = 0; round < rounds; round++) {
      await new Promise((resolve) => setTimeout(resolve, leastSteadyMs));
      const one = await loseDisk(processes, pace, progress);
      progress(`round ${round + 1}: ${JSON.stringify(one)}`);
      lost.push(one);
      leastSteadyMs = Math.max(steadyMs, one.seconds * 1_200);
    }
    await pace.stop();
    const { equal } = await equalReplicas(processes);
    const figures = figuresOf(lost);
    const fast = figures.slowestSeconds * 1000 <= withinMs;
    const smooth = figures.p99Times <= mostSlower && figures.longestOwnStallMs < longestStallMs;
    const failed = Object.fromEntries(pace.failed);
    return {
      holds:
        fast &&
        equal &&
        figures.premature.length === 0 &&
        pace.failed.size === 0 &&
        (smooth || !judgesLatency),
      figures: { keys, filled, peakPerSecond, ...figures, replicasEqual: equal, failed, rounds: lost },
    };
  } finally {
    pace?.kill();
    await processes.end();
  }
}

/** @param {Round[]} lost */
function figuresOf(lost) {
  const times = lost.map(({ p99Times }) => p99Times);
  const stalls = lost.flatMap(({ stallMs }) => Object.values(stallMs));
  const calm = lost.flatMap(({ stallMsBefore }) => Object.values(stallMsBefore));
  return {
    slowestSeconds: Math.max(...lost.map(({ seconds }) => seconds)),
    p99Times: median(times),
    p99TimesSpread: [Math.min(...times), Math.max(...times)],
    longestOwnStallMs: Math.max(...stalls.map(({ ownMs }) => ownMs)),
    longestOwnStallMsBefore: Math.max(...calm.map(({ ownMs }) => ownMs)),
    longestStallMs: Math.max(...stalls.map(({ allMs }) => allMs)),
    premature: lost.flatMap(({ premature }) => premature),
  };
}

/** Commands a second with as many outstanding as help. @param {Pace} pace */
async function peakOf(pace) {
  pace.outstanding(768);
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const from = Date.now();
  await new Promise((resolve) => setTimeout(resolve, peakSeconds * 1_000));
  const { perSecond } = pace.window(from, Date.now());
  return perSecond;
}

/** @param {Processes} processes @param {Pace} pace @param {(line: string) => void} progress @returns {Promise<Round>} */
async function loseDisk(processes, pace, progress) {
  const following = await followReplicas(processes, victim);
  const lostAt = Date.now();
  await processes.kill(victim);
  rmSync(processes.member(victim).data, { recursive: true });
  processes.start(victim);
  let answersAt = 0;
  try {
    await until(
      `${victim} to catch up`,
      async () => {
        const [own = 0, ...others] = await slotsOut(processes);
        if (own > 0 && answersAt === 0) answersAt = Date.now();
        return own > 1 && Math.max(...others) - own <= nearSlots;
      },
      withinMs * 3,
    );
  } catch (error) {
    await following.stop();
    throw error;
  }
  const backAt = Date.now();
  const seconds = (backAt - lostAt) / 1000;
  progress(`${victim} is back after ${seconds} s`);
  await processes.ready([victim]);
  const reported = await following.reportOf().catch(async (error) => {
    await following.stop();
    throw error;
  });
  const seen = await following.stop();
  const beforeFrom = lostAt - (backAt - lostAt);
  const before = pace.window(beforeFrom, lostAt);
  const during = pace.window(lostAt, backAt);
  /** @param {(id: string) => [number, number]} when */
  const stalls = (when) =>
    Object.fromEntries(processes.ids("replica").map((id) => [id, longestStalls(processes, id, ...when(id))]));
  return {
    lostAtSlot: following.since,
    seconds,
    installedAfterSeconds: (installedAt(processes.member(victim).log) - lostAt) / 1000,
    p99Times: Number((during.p99 / before.p99).toFixed(2)),
    before,
    during,
    stallMs: stalls((id) => [id === victim ? answersAt : lostAt, backAt]),
    stallMsBefore: stalls(() => [beforeFrom, lostAt]),
    premature: prematureReports(seen, reported),
  };
}

/** When a replica last took the state of another for its own, by its log; 0 if it never did. @param {string} log */
function installedAt(log) {
  const lines = readFileSync(log, "utf8")
    .split("\n")
    .filter((line) => line.includes("the state is that of"));
  return Date.parse(JSON.parse(lines.at(-1) ?? "{}").time ?? 0);
}

/** The lowest slot not applied of the victim, then of the others; 0 for one that does not answer. @param {Processes} processes */
function slotsOut(processes) {
  const others = processes.ids("replica").filter((id) => id !== victim);
  return Promise.all(
    [victim, ...others].map(async (id) => {
      const state = (await processes.status(id, 500))?.state;
      return state?.role === "replica" ? state.slotOut : 0;
    }),
  );
}
