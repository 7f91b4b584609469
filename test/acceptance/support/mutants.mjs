// The deliberate faults of test/mutants. A patch opens with "Rule:", "Fault:" and "Red:", the files of which each must
// have a failing test; "Seeds: A-B" where the simulator's checkers must report it in these seeds, and "World:" with what
// the simulated worlds have in common for it, where it is rare in others.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { root } from "./copy.mjs";

const folder = path.join(root, "test/mutants");

/**
 * @typedef {{ name: string, file: string, rule: string, fault: string, red: string[],
 *   seeds: string | undefined, world: string }} Mutant
 */

/** All of them, or those named. @param {string[]} names @returns {Mutant[]} */
export function mutantsNamed(names) {
  const all = readdirSync(folder)
    .filter((file) => file.endsWith(".patch"))
    .sort()
    .map(mutantIn);
  const unknown = names.find((name) => !all.some((mutant) => mutant.name === name));
  if (unknown !== undefined) throw new Error(`no mutant named ${unknown} in test/mutants`);
  return names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
}

/** @param {string} file @returns {Mutant} */
function mutantIn(file) {
  const text = readFileSync(path.join(folder, file), "utf8");
  const header = (/** @type {string} */ key) => new RegExp(`^${key}: (.+)$`, "m").exec(text)?.[1];
  return {
    name: path.basename(file, ".patch"),
    file: path.join(folder, file),
    rule: header("Rule") ?? "",
    fault: header("Fault") ?? "",
    red: header("Red")?.split(" ") ?? [],
    seeds: header("Seeds"),
    world: header("World") ?? "{}",
  };
}

/** Puts a fault into a copy of the repository. @param {Mutant} mutant @param {string} copy */
export function plant({ file }, copy) {
  execFileSync("git", ["apply", "--unidiff-zero", file], { cwd: copy });
}

/** Takes it out again. @param {Mutant} mutant @param {string} copy */
export function remove({ file }, copy) {
  execFileSync("git", ["apply", "--unidiff-zero", "--reverse", file], { cwd: copy });
}

/** The packages that a fault is in. @param {Mutant} mutant @returns {string[]} */
export function packagesOf({ file }) {
  const text = readFileSync(file, "utf8");
  return [...new Set([...text.matchAll(/^\+\+\+ b\/packages\/([^/]+)\//gm)].map(([, name]) => name ?? ""))];
}
