// npm run mutants [-- NAME…]: deliberate faults before the checkers of the simulator, which stand outside the nodes. The
// core's own assertions are taken out, so that nothing but a checker can report. Where a patch names no seeds, the
// simulator has no such part (sockets, real disks, the start of a process) or no rule of safety is broken: the tests that
// the script "rules" names find those. With --seeds A-B every fault is tried in these seeds.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { flagValue } from "./support/flags.mjs";
import { compile, copyWithFaults, mutantsNamed, packagesOf, plant, remove } from "./support/mutants.mjs";

export const name = "mutants";
export const promise =
  "the simulator's checkers report each deliberate fault within its seeds, without the core's assertions; sound code survives them";

const leastFound = 60;
/** A fault may make a world that never ends. */
const limitMs = 300_000;

/**
 * What the checkers report first.
 * @param {string} copy @param {string} seeds @param {string} world
 * @returns {{ seed?: number, failure?: string }}
 */
function hunt(copy, seeds, world) {
  const { stdout, stderr, error } = spawnSync(
    process.execPath,
    [path.join(copy, "test/acceptance/support/hunt.mjs"), seeds, world],
    { cwd: copy, encoding: "utf8", timeout: limitMs, killSignal: "SIGKILL" },
  );
  const line = stdout.trim().split("\n").at(-1);
  if (line?.startsWith("{")) return JSON.parse(line);
  return { failure: `no verdict: ${error?.message ?? stderr.trim().split("\n").slice(0, 6).join(" ")}` };
}

/** @param {{ parameters: string[], progress: (line: string) => void }} options */
export async function run({ parameters, progress }) {
  const everywhere = flagValue(parameters, "--seeds");
  const named = parameters.filter((word, at) => word !== "--seeds" && parameters[at - 1] !== "--seeds");
  const unseeded = mutantsNamed(named).filter(({ seeds }) => named.length > 0 && !(everywhere ?? seeds));
  if (unseeded.length > 0)
    throw new Error(
      `${unseeded.map(({ name }) => name).join(", ")}: expected seeds to try, found none in the patch. ` +
        "Give some with --seeds A-B, or take a patch with a line Seeds:",
    );
  const wanted = mutantsNamed(named)
    .map((mutant) => ({ ...mutant, seeds: everywhere ?? mutant.seeds }))
    .flatMap(({ seeds, ...mutant }) => (seeds === undefined ? [] : [{ ...mutant, seeds }]));
  const copy = copyWithFaults("aids/no-assertions");
  try {
    const survivors = [];
    for (const mutant of wanted) {
      plant(mutant, copy.folder);
      compile(copy.folder, packagesOf(mutant));
      const { seed, failure } = hunt(copy.folder, mutant.seeds, mutant.world);
      remove(mutant, copy.folder);
      compile(copy.folder, packagesOf(mutant));
      const reported = failure?.startsWith("Violation: ");
      if (!reported) survivors.push(mutant.name);
      const verdict = reported ? `seed ${seed}: ${failure}` : `SURVIVED ${failure ?? ""}`;
      progress(
        `rule ${mutant.rule}: ${mutant.fault} (${mutant.name}, seeds ${mutant.seeds})\n    ${verdict}`,
      );
    }
    // Last, so that it shows as well that every fault was taken out again: one left in would be found here.
    /** @type {string[]} */
    const sound = [];
    for (const worlds of new Set(wanted.map(({ seeds, world }) => `${seeds} ${world}`))) {
      const [seeds = "", world] = worlds.split(/ (.*)/);
      const { seed, failure } = hunt(copy.folder, seeds, world ?? "{}");
      progress(`sound code, seeds ${seeds} ${world}: ${failure ?? "every promise held"}`);
      if (failure !== undefined) sound.push(`seed ${seed}: ${failure}`);
    }
    const found = wanted.length - survivors.length;
    return {
      holds: sound.length === 0 && survivors.length === 0 && (named.length > 0 || found >= leastFound),
      figures: { mutants: wanted.length, found, survivors, soundCodeFailed: sound },
    };
  } finally {
    copy.remove();
  }
}
