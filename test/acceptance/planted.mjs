// A check that was never seen red shows nothing. Each of the scripts about disks and kills runs in a copy of the repository
// with a fault of test/mutants planted in it, and must say which promise the fault breaks. fsync and crash-points plant their
// own.
import { spawn } from "node:child_process";
import path from "node:path";
import { copyWithFaults } from "./support/mutants.mjs";
import { missing } from "./support/needs.mjs";

export const name = "planted";
export const promise =
  "disk, amnesia, blackout, storm, restart, rejoin, soak and fuzz each turn red on a fault planted in a copy";

/** @typedef {Record<string, any>} Figures */
/** @typedef {{ script: string, patches: string[], parameters: string[], red: (figures: Figures) => unknown }} Plant */

/** @type {Plant[]} */
const plants = [
  {
    script: "disk",
    patches: ["r04-votes-leave-after-a-failed-commit"],
    parameters: ["--only", "errors", "--syncs", "10"],
    red: (figures) => figures["fdatasync 10 of an acceptor fails"]?.violations.length > 0,
  },
  {
    script: "amnesia",
    patches: ["r05-any-store-votes"],
    parameters: ["--seconds", "3"],
    red: (figures) => figures.newStore?.decidedMeanwhile > 0,
  },
  {
    script: "amnesia",
    patches: ["r05-rolled-back-unnoticed"],
    parameters: ["--seconds", "1"],
    red: (figures) => figures.oldCopy?.leadersThatNameIt === 0,
  },
  {
    script: "blackout",
    patches: ["r03-commit-claimed-early", "aids/slow-replica-flush"],
    parameters: ["--rounds", "3"],
    red: (figures) => figures.lost > 0,
  },
  {
    script: "storm",
    patches: ["r16-repeat-executed"],
    parameters: ["--minutes", "0.5", "--seed", "1"],
    red: (figures) => figures.doubled > 0,
  },
  {
    script: "restart",
    patches: ["r17-rows-never-flushed"],
    parameters: ["--keys", "20000", "--rounds", "1"],
    red: (figures) => figures.wrongAnswers > 0,
  },
  {
    script: "rejoin",
    // Without the second it would wait for a state before it reports anything (rule 32).
    patches: ["r18-reports-the-first-slot-at-once", "r32-empty-replica-begins-anew"],
    parameters: ["--keys", "20000", "--rounds", "1", "--rate", "200", "--steady", "1", "--no-latency"],
    red: (figures) => figures.premature?.length > 0,
  },
  {
    script: "soak",
    patches: ["r18-acceptors-never-told"],
    parameters: ["--commands", "2000", "--value-bytes", "4000", "--again", "2000"],
    red: (figures) => /nothing more to be decided/.test(figures.keptForEver),
  },
  {
    script: "fuzz",
    patches: ["hello-not-waited-for"],
    parameters: ["--seed", "1", "--calls", "1500", "--rounds", "0"],
    red: (figures) => /without a hello/.test(figures.wrong?.join()),
  },
  {
    script: "fuzz",
    patches: ["r13-false-batch-ends-the-replica"],
    parameters: ["--seed", "1", "--calls", "1500", "--rounds", "0"],
    red: (figures) => /r1 has ended/.test(figures.problems?.join()),
  },
  {
    script: "fuzz",
    patches: ["edge-messages-of-any-size"],
    parameters: ["--seed", "1", "--calls", "1500", "--rounds", "0"],
    red: (figures) => /beyond the limit/.test(figures.wrong?.join()),
  },
];

/** @param {import("./run.mjs").Options} options names of scripts may be given */
export async function run({ parameters, progress }) {
  const lacks = missing("strace");
  if (lacks) return { holds: true, figures: { leftOut: lacks } };
  const chosen = plants.filter(({ script }) => parameters.length === 0 || parameters.includes(script));
  if (chosen.length === 0) throw new Error(`no fault for ${parameters.join(", ")}`);
  /** @type {Record<string, string>} */
  const figures = {};
  let holds = true;
  for (const { script, patches, parameters: given, red } of chosen) {
    const [fault = ""] = patches;
    const copy = copyWithFaults(...patches);
    try {
      const outcome = await runIn(copy.folder, script, given);
      const noticed = outcome.holds === false && Boolean(red(outcome.figures));
      holds &&= noticed;
      figures[fault] =
        `${noticed ? "noticed" : "NOT NOTICED"} by ${script}: ${JSON.stringify(outcome.figures)}`;
      progress(`${fault}: ${figures[fault]}`);
    } finally {
      copy.remove();
    }
  }
  return { holds, figures };
}

/**
 * @param {string} folder @param {string} script @param {string[]} parameters
 * @returns {Promise<{ holds: boolean, figures: Figures }>}
 */
function runIn(folder, script, parameters) {
  const main = path.join(folder, "test/acceptance/run.mjs");
  const child = spawn(process.execPath, [main, script, "--json", ...parameters], {
    cwd: folder,
    stdio: ["ignore", "pipe", "ignore"],
  });
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    printed += text;
  });
  return new Promise((resolve, reject) => {
    child.once("close", (code) => {
      const last = printed.trimEnd().split("\n").at(-1) ?? "";
      if (last.startsWith("{")) resolve(JSON.parse(last));
      else reject(new Error(`${script} ended with ${code} and printed no outcome`));
    });
  });
}
