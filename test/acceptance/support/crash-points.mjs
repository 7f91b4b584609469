// Kills a process before each of its calls to the disk, one run for each, and looks at what the next start finds.
// What happens in a run is a scenario's business: an acceptor that votes, or whatever else writes in a fixed order.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { callsIn, tracing } from "./strace.mjs";

/**
 * @typedef {object} Scenario
 * @property {string} name
 * @property {(before: string[], folder: string, worker: number) => Promise<Finding>} play
 *   runs the process from its start to its end under another program, in an empty folder, and then without it; `worker`
 *   is 0 or 1, for ports and the like that two runs at once must not share
 *
 * @typedef {object} Finding
 * @property {string[]} problems what was told before and is not there after; nothing may be here
 * @property {number} told how many answers there were before the end
 * @property {boolean} killed whether it came to the kill
 */

/** Calls that change what is on disk. lmdb writes its pages by the first three. */
const diskCalls = ["pwrite64", "pwritev", "writev", "fdatasync", "fsync", "rename", "ftruncate"];
/** strace counts the calls of each thread, so there is one thread for files and databases. */
const oneThread = ["env", "UV_THREADPOOL_SIZE=1"];
const workers = 2;

/**
 * How often each call that changes the disk is made in an undisturbed run, by the thread that makes it most often.
 * @param {Scenario} scenario @param {(line: string) => void} progress
 */
export async function recordedCalls(scenario, progress) {
  const folder = mkdtempSync(path.join(tmpdir(), "synod-crash-"));
  try {
    const file = path.join(folder, "trace");
    const { problems, told, killed } = await scenario.play(
      [...oneThread, ...tracing(file, diskCalls)],
      folder,
      0,
    );
    if (problems.length > 0 || killed)
      throw new Error(`undisturbed: ${problems.join("; ") || "it was killed"}`);
    /** @type {Map<string, number>} */
    const counts = new Map();
    for await (const { name, thread } of callsIn(file))
      counts.set(`${name} ${thread}`, (counts.get(`${name} ${thread}`) ?? 0) + 1);
    /** @type {Record<string, number>} */
    const most = Object.fromEntries(diskCalls.map((call) => [call, 0]));
    for (const [key, count] of counts) {
      const [name = ""] = key.split(" ");
      most[name] = Math.max(most[name] ?? 0, count);
    }
    progress(`${scenario.name}: ${told} answers, ${JSON.stringify(most)}`);
    return { told, calls: most };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * One run for each point, two at a time.
 * @param {Scenario} scenario
 * @param {{ call: string, count: number }[]} points
 * @param {(line: string) => void} progress
 * @param {{ untilNoticed?: boolean }} [options] no further point once something is missing
 */
export async function killAtEach(scenario, points, progress, { untilNoticed = false } = {}) {
  const waiting = [...points];
  /** @type {string[]} */
  const problemsFound = [];
  const found = { runs: 0, killed: 0, toldBeforeKill: 0, problems: problemsFound };
  /** @param {number} worker */
  const work = async (worker) => {
    for (let point = waiting.shift(); point; point = waiting.shift()) {
      if (untilNoticed && found.problems.length > 0) return;
      const folder = mkdtempSync(path.join(tmpdir(), "synod-crash-"));
      const { call, count } = point;
      try {
        const killing = ["-e", `trace=${call}`, "-e", `inject=${call}:signal=KILL:when=${count}`];
        const before = [...oneThread, "strace", "-f", "-qq", "-o", "/dev/null", ...killing];
        const { problems, told, killed } = await scenario.play(before, folder, worker);
        found.runs++;
        if (killed) found.killed++;
        found.toldBeforeKill += told;
        found.problems.push(...problems.map((problem) => `killed before ${call} ${count}: ${problem}`));
        const outcome = killed ? `killed after ${told} answers` : "it never came to that";
        progress(
          `${scenario.name}: ${call} ${count}: ${outcome}; ${problems.join("; ") || "nothing is missing"}`,
        );
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }
  };
  await Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)));
  return found;
}
