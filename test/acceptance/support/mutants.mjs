// The deliberate faults of test/mutants, each a patch of the sources. It opens with "Rule:", "Fault:" and "Red:", the files of
// which each must have a failing test; or, where only real processes can show it, "Shown-by:" with the acceptance scripts that
// plant it and must notice. "Seeds: A-B" where the simulator's checkers must report it in these seeds, and "World:" with what
// the simulated worlds have in common for it, where it is rare in others. "Unseen:" has the reason where no seed can show it.
// "Planted-by: stranger" where somebody thought of it who had not read the tests.
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { builtCopy, root } from "./copy.mjs";

const folder = path.join(root, "test/mutants");

/** Schedules of simulated worlds, each of which the fault of its name makes fail. */
export const schedules = "packages/simulator/test/regressions";

/** The rules that the page on the protocol numbers. */
export function numberedRules() {
  const page = readFileSync(path.join(root, "docs/protocol.md"), "utf8");
  const numbers = [...page.matchAll(/^#### (\d+)\. /gm)].map(([, number]) => number ?? "");
  if (numbers.length === 0)
    throw new Error("docs/protocol.md: expected rules under headings like #### 1. Title, found none");
  return [...new Set(numbers)];
}

/**
 * @typedef {{ name: string, file: string, rule: string, fault: string, red: string[], shownBy: string[],
 *   seeds: string | undefined, world: string, unseen: string | undefined, plantedBy: string | undefined }} Mutant
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

/** Patches that are no faults by themselves and let others show. @returns {Pick<Mutant, "name" | "file">[]} */
export function aids() {
  return readdirSync(path.join(folder, "aids")).map((file) => ({
    name: file,
    file: path.join(folder, "aids", file),
  }));
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
    shownBy: header("Shown-by")?.split(" ") ?? [],
    seeds: header("Seeds"),
    world: header("World") ?? "{}",
    unseen: header("Unseen"),
    plantedBy: header("Planted-by"),
  };
}

/**
 * A copy of the repository, built, with these faults in it. A name that begins with `aids/` is a patch that is no fault by itself
 * and lets one show.
 * @param {...string} names
 */
export function copyWithFaults(...names) {
  const copy = builtCopy();
  const patches = names.map((name) => ({ file: path.join(folder, `${name}.patch`) }));
  for (const patch of patches) plant(patch, copy.folder);
  compile(copy.folder, patches.flatMap(packagesOf));
  return copy;
}

/** Compiles packages of a copy. What the types object to is emitted all the same. @param {string} copy @param {string[]} packages */
export function compile(copy, packages) {
  const compiler = path.join(copy, "node_modules/.bin/tsc");
  for (const name of new Set(packages))
    spawnSync(compiler, ["-p", `packages/${name}/tsconfig.json`], { cwd: copy, stdio: "ignore" });
}

/** Puts a fault into a copy of the repository. @param {Pick<Mutant, "file">} mutant @param {string} copy */
export function plant({ file }, copy) {
  execFileSync("git", ["apply", "--unidiff-zero", file], { cwd: copy });
}

/** Takes it out again. @param {Pick<Mutant, "file">} mutant @param {string} copy */
export function remove({ file }, copy) {
  execFileSync("git", ["apply", "--unidiff-zero", "--reverse", file], { cwd: copy });
}

/** The packages that a fault is in. @param {Pick<Mutant, "file">} mutant @returns {string[]} */
export function packagesOf({ file }) {
  const text = readFileSync(file, "utf8");
  return [...new Set([...text.matchAll(/^\+\+\+ b\/packages\/([^/]+)\//gm)].map(([, name]) => name ?? ""))];
}

/**
 * For each hunk of a patch the places where what it replaces stands in the sources. With none it does not apply; with
 * several it may be planted somewhere else than it was meant.
 * @param {Pick<Mutant, "file">} mutant
 * @returns {{ source: string, places: number }[]}
 */
export function placesOf({ file }) {
  return readFileSync(file, "utf8")
    .split(/^(?=--- a\/)/m)
    .slice(1)
    .flatMap((changes) => {
      const source = /^\+\+\+ b\/(.+)$/m.exec(changes)?.[1] ?? "";
      const text = `\n${readFileSync(path.join(root, source), "utf8")}`;
      return changes
        .split(/^@@.*\n/m)
        .slice(1)
        .map((hunk) => ({ source, places: text.split(replacedBy(hunk)).length - 1 }));
    });
}

/** The lines that a hunk finds, as they stand in the file. @param {string} hunk */
function replacedBy(hunk) {
  const lines = hunk.split("\n").slice(0, -1);
  const found = lines.filter((line) => !line.startsWith("+") && !line.startsWith("\\"));
  return `\n${found.map((line) => line.slice(1)).join("\n")}\n`;
}
