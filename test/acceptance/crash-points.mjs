// A process killed before each call by which it changes its disk, one run for each call, and what the next start finds.
import { acceptorScenario } from "./support/crash-acceptor.mjs";
import { installScenario } from "./support/crash-install.mjs";
import { killAtEach, recordedCalls } from "./support/crash-points.mjs";
import { flagNumber, flagValue } from "./support/flags.mjs";
import { copyWithFaults } from "./support/mutants.mjs";
import { missing } from "./support/needs.mjs";

export const name = "crash-points";
export const promise =
  "killed before any of its writes, syncs and renames, an acceptor has after a restart all it had answered, and a replica " +
  "that installs a snapshot its old state or the new one";

/**
 * What is killed, and a fault that must be noticed, with the calls at which it is.
 * @type {Record<string, { make: (copy?: string) => ReturnType<typeof acceptorScenario>, fault: string, at: string[] }>}
 */
const scenarios = {
  acceptor: { make: acceptorScenario, fault: "r03-vote-before-disk", at: ["fdatasync"] },
  install: {
    make: installScenario,
    fault: "r19-a-snapshot-counts-from-its-beginning",
    at: ["fdatasync"],
  },
};

/** @param {import("./run.mjs").Options} options `--every N` takes each Nth point only, `--points N` so many of all, evenly, `--only NAME` one scenario; `--no-plant` plants no fault */
export async function run({ parameters, progress }) {
  const lacks = missing("strace");
  if (lacks) return { holds: true, figures: { leftOut: lacks } };
  const every = flagNumber(parameters, "--every", 1);
  const most = flagNumber(parameters, "--points", Number.MAX_SAFE_INTEGER);
  let holds = true;
  /** @type {Record<string, unknown>} */
  const figures = {};
  const only = flagValue(parameters, "--only");
  for (const [what, { make, fault, at }] of Object.entries(scenarios)) {
    if (only !== undefined && only !== what) continue;
    const { calls, ...found } = await points(() => make(), { every, most }, progress);
    holds &&= found.problems.length === 0 && found.killed > 0;
    figures[what] = { calls, ...found };
    if (parameters.includes("--no-plant")) continue;
    const copy = copyWithFaults(fault);
    try {
      const few = { every: Math.min(every, 2), most: Number.MAX_SAFE_INTEGER };
      const planted = await points(() => make(copy.folder), few, progress, at);
      holds &&= planted.problems.length > 0;
      figures[`planted in ${what}`] = `${fault}: ${planted.problems[0] ?? "NOT NOTICED"}`;
    } finally {
      copy.remove();
    }
  }
  return { holds, figures };
}

/**
 * @param {() => ReturnType<typeof acceptorScenario>} makeScenario @param {{ every: number, most: number }} which
 * @param {(line: string) => void} progress @param {string[]} [only] of the calls; the first problem is enough then
 */
async function points(makeScenario, { every, most }, progress, only) {
  const scenario = await makeScenario();
  try {
    const { calls, told } = await recordedCalls(scenario, progress);
    const all = Object.entries(calls)
      .filter(([call]) => only === undefined || only.includes(call))
      .flatMap(([call, most]) => Array.from({ length: most }, (_, index) => ({ call, count: index + 1 })));
    const step = Math.max(every, Math.floor(all.length / most));
    const chosen = all.filter((_, index) => index % step === step - 1).slice(0, most);
    const { toldBeforeKill, ...found } = await killAtEach(scenario, chosen, progress, {
      untilNoticed: only !== undefined,
    });
    return {
      calls,
      answersUndisturbed: told,
      points: chosen.length,
      answersBeforeKills: toldBeforeKill,
      ...found,
    };
  } finally {
    await scenario.end();
  }
}
