// npm run acceptance -- rules [NAME…]: takes each protocol rule out by a small patch of test/mutants and shows the tests
// that then turn red.
import { mutantsNamed, numberedRules } from "./support/mutants.mjs";
import { tryFaults } from "./support/red-tests.mjs";

export const name = "rules";
export const promise = "each protocol rule taken out by a committed patch turns a test red";

/** @param {{ parameters: string[], progress: (line: string) => void }} options */
export async function run({ parameters, progress }) {
  const wanted = mutantsNamed(parameters).filter(({ red }) => red.length > 0);
  /** @type {string[]} */
  const survivors = [];
  const unmutated = tryFaults(wanted, ({ mutant, failed, blind }) => {
    if (blind.length > 0) survivors.push(`${mutant.name} in ${blind.join(", ")}`);
    progress(
      `rule ${mutant.rule}: ${mutant.fault}: ${blind.length > 0 ? "SURVIVED" : "found"} (${mutant.name})`,
    );
    for (const file of new Set(failed.map((failure) => failure.file))) {
      const tests = failed.filter((failure) => failure.file === file).map((failure) => failure.test);
      progress(`    ${file}: ${tests[0]}${tests.length > 1 ? ` and ${tests.length - 1} more` : ""}`);
    }
  });
  for (const { file, test } of unmutated) progress(`red without a fault: ${file}: ${test}`);
  const covered = new Set(wanted.flatMap((mutant) => mutant.rule.split(" ")));
  const uncovered = parameters.length > 0 ? [] : numberedRules().filter((rule) => !covered.has(rule));
  return {
    holds: unmutated.length === 0 && survivors.length === 0 && uncovered.length === 0,
    figures: {
      mutants: wanted.length,
      found: wanted.length - survivors.length,
      survivors,
      rulesWithoutMutant: uncovered,
    },
  };
}
