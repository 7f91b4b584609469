// Millions of small commands over a bounded set of keys: what the processes hold must not grow with them.
import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { flagNumber } from "./support/flags.mjs";
import { equalReplicas } from "./support/load.mjs";
import { median, Pace } from "./support/pace.mjs";
import { Processes, until } from "./support/processes.mjs";
import { quiet } from "./support/quiet.mjs";

export const name = "soak";
export const promise =
  "after ten million commands no process has more memory, and no directory more bytes, than 1.1 × those after three million";

const mostGrowth = 1.1;
const sampleMs = 1_000;
/** The most by which an acceptor's directory grows of what is written `--again`. */
const mostOfAgain = 0.5;
const againWithinMs = 120_000;
/** Parts of the run that are compared: around 30 %, and its end. */
const early = { from: 0.25, until: 0.35 };
const late = { from: 0.9, until: 1 };

/** @typedef {{ done: number, rss: Record<string, number>, disk: Record<string, number> }} Sample */

/**
 * @param {import("./run.mjs").Options} options `--commands N`, `--outstanding N`, `--value-bytes N`; `--again N`: instead of
 *   growth, that once acceptors have forgotten all of this, so many commands more find room in what they left
 */
export async function run({ parameters, progress }) {
  const commands = flagNumber(parameters, "--commands", 10_000_000);
  const outstanding = flagNumber(parameters, "--outstanding", 768);
  const valueBytes = flagNumber(parameters, "--value-bytes", 100);
  const again = flagNumber(parameters, "--again", 0);
  const processes = await Processes.start();
  /** @type {Sample[]} */
  const samples = [];
  /** @type {Pace | undefined} */
  let pace;
  try {
    pace = new Pace(processes.replicas, { keepsTimes: false, valueBytes });
    await pace.ready();
    const startedAt = performance.now();
    pace.outstanding(outstanding, commands);
    await samplesUntilDone(processes, pace, commands, samples, progress);
    const seconds = (performance.now() - startedAt) / 1000;
    const room = again > 0 ? await roomLeft(processes, pace, outstanding, again) : undefined;
    await pace.stop();
    samples.push(sample(processes, pace.acknowledged));
    const { equal } = await equalReplicas(processes);
    const growth = growthOf(samples, commands);
    const largest = Math.max(...growth.map(({ times }) => times));
    const bounded = room ? room.grewMib <= mib(again * valueBytes) * mostOfAgain : largest <= mostGrowth;
    return {
      holds: bounded && equal && pace.failed.size === 0 && pace.acknowledged >= commands + again,
      figures: {
        commands: pace.acknowledged,
        seconds: Math.round(seconds),
        commandsPerSecond: Math.round(pace.acknowledged / seconds),
        largestGrowth: largest,
        ...room,
        growth,
        replicasEqual: equal,
        failed: Object.fromEntries(pace.failed),
      },
    };
  } finally {
    pace?.kill();
    await processes.end();
  }
}

/**
 * The bytes by which acceptors' directories grow when so much is written again after they have forgotten what there was. How large
 * they were by then depends on the pace of the disk, since replicas keep things as fast as it lets them; that they hardly grow does
 * not.
 * @param {Processes} processes @param {Pace} pace @param {number} outstanding @param {number} commands
 */
async function roomLeft(processes, pace, outstanding, commands) {
  const [replica = ""] = processes.replicas;
  try {
    await quiet(replica);
  } catch (error) {
    return { keptForEver: String(error), grewMib: Number.POSITIVE_INFINITY };
  }
  const before = sample(processes, pace.acknowledged);
  pace.outstanding(outstanding, commands);
  const wanted = pace.acknowledged + commands;
  await until("the commands that are written again", () => pace.acknowledged >= wanted, againWithinMs);
  const after = sample(processes, pace.acknowledged);
  const acceptors = processes.ids("acceptor");
  const [stored, grew] = [
    Math.max(...acceptors.map((id) => before.disk[id] ?? 0)),
    Math.max(...acceptors.map((id) => (after.disk[id] ?? 0) - (before.disk[id] ?? 0))),
  ];
  return { storedMib: mib(stored), grewMib: mib(grew) };
}

/** @param {Processes} processes @param {Pace} pace @param {number} commands @param {Sample[]} samples @param {(line: string) => void} progress */
async function samplesUntilDone(processes, pace, commands, samples, progress) {
  let told = 0;
  let at = { done: 0, ms: performance.now() };
  let movedAt = performance.now();
  for (let before = 0; pace.acknowledged < commands; before = pace.acknowledged) {
    await new Promise((resolve) => setTimeout(resolve, sampleMs));
    const now = sample(processes, pace.acknowledged);
    samples.push(now);
    if (pace.acknowledged > before) movedAt = performance.now();
    if (performance.now() - movedAt > 60_000) throw new Error(`nothing moves after ${before} commands`);
    if (pace.acknowledged < told + commands / 20) continue;
    told = pace.acknowledged;
    const perSecond = Math.round((told - at.done) / ((performance.now() - at.ms) / 1000));
    at = { done: told, ms: performance.now() };
    progress(`${told} commands, ${perSecond}/s; MiB: ${inWords(now)}`);
  }
}

/** @param {Processes} processes @param {number} done @returns {Sample} */
function sample(processes, done) {
  /** @type {Sample} */
  const found = { done, rss: {}, disk: {} };
  for (const { id, role, data } of processes.plan.members) {
    found.rss[id] = residentBytes(processes.child(id).pid);
    if (role !== "leader") found.disk[id] = directoryBytes(data);
  }
  return found;
}

/** @param {number} pid */
function residentBytes(pid) {
  const [, kib = "0"] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1")) ?? [];
  return Number(kib) * 1024;
}

/** @param {string} folder */
function directoryBytes(folder) {
  return readdirSync(folder).reduce((sum, file) => sum + statSync(path.join(folder, file)).size, 0);
}

/** @param {number} bytes */
const mib = (bytes) => Number((bytes / 2 ** 20).toFixed(1));

/** @param {Sample} sample */
function inWords({ rss, disk }) {
  const part = (/** @type {Record<string, number>} */ of) =>
    Object.entries(of)
      .map(([id, bytes]) => `${id} ${Math.round(mib(bytes))}`)
      .join(" ");
  return `memory ${part(rss)}; directories ${part(disk)}`;
}

/** The median of each part, because a heap grows and shrinks between collections. @param {Sample[]} samples @param {number} commands */
function growthOf(samples, commands) {
  /** @param {{ from: number, until: number }} part */
  const during = ({ from, until: to }) => {
    const found = samples.filter(({ done }) => done >= from * commands && done <= to * commands);
    return found.length > 0 ? found : samples.slice(-1);
  };
  const [first, last] = [during(early), during(late)];
  const [any] = samples;
  const kinds = /** @type {const} */ (["rss", "disk"]);
  return kinds.flatMap((kind) =>
    Object.keys(any?.[kind] ?? {}).map((id) => {
      const earlyMib = mib(median(first.map((one) => one[kind][id] ?? 0)));
      const lateMib = mib(median(last.map((one) => one[kind][id] ?? 0)));
      const times = Number((lateMib / earlyMib).toFixed(2));
      return { what: `${kind} ${id}`, earlyMib, lateMib, times };
    }),
  );
}
