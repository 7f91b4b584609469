// npm run acceptance -- strangers [NAME…]: the deliberate faults of those who had not read the tests when they thought of them
// ("Planted-by: stranger" in test/mutants). A test that was written for a fault finds that fault; what these show is how much
// is found that nobody had in mind.
import { readFileSync } from "node:fs";
import { mutantsNamed } from "./support/mutants.mjs";
import { tryFaults } from "./support/red-tests.mjs";

export const name = "strangers";
export const promise = "every fault planted by somebody who had not read the tests is found";

/** The source that a fault is in. @param {string} file */
function sourceOf(file) {
  return /^\+\+\+ b\/(.+)$/m.exec(readFileSync(file, "utf8"))?.[1] ?? "";
}

/** @param {import("./run.mjs").Options} options names of faults may be given */
export async function run({ parameters, progress }) {
  const strangers = mutantsNamed(parameters).filter(({ plantedBy }) => plantedBy === "stranger");
  if (strangers.length === 0) throw new Error(`no fault of a stranger among ${parameters.join(", ")}`);
  /** @type {string[]} */
  const survivors = [];
  progress("fault | file | test that turned red | seconds");
  const unmutated = tryFaults(strangers, ({ mutant, failed: [first], blind, seconds }) => {
    if (blind.length > 0) survivors.push(mutant.name);
    const found =
      blind.length > 0 || !first ? `SURVIVED in ${blind.join(", ")}` : `${first.file}: ${first.test}`;
    progress([mutant.fault, sourceOf(mutant.file), found, seconds.toFixed(1)].join(" | "));
  });
  return {
    holds: survivors.length === 0 && unmutated.length === 0,
    figures: {
      faults: strangers.length,
      found: strangers.length - survivors.length,
      survivors,
      redWithoutFault: unmutated.map(({ file, test }) => `${file}: ${test}`),
    },
  };
}
