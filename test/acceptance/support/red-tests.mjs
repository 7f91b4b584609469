// Plants deliberate faults one after the other in a copy of the repository, and runs the tests that must turn red.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { builtCopy, root } from "./copy.mjs";
import { plant, remove, schedules } from "./mutants.mjs";

/** @typedef {{ file: string, test: string }} Failure */

/**
 * @typedef {{ mutant: import("./mutants.mjs").Mutant, failed: Failure[], blind: string[], seconds: number }} Tried
 *   with the tests that turned red, and what stayed green and must not
 */

/**
 * What stays green with a fault: files that the patch names, and the schedule that was saved for this fault, which another
 * one in the same file must not stand in for.
 * @param {import("./mutants.mjs").Mutant} mutant
 * @param {Failure[]} failed
 */
function blindTo({ name, red }, failed) {
  const blind = red.filter((file) => !failed.some((failure) => failure.file === file));
  const schedule = `${name}.json`;
  if (existsSync(path.join(root, schedules, schedule)) && !failed.some(({ test }) => test.endsWith(schedule)))
    blind.push(schedule);
  return blind;
}

/**
 * Runs test files in the copy.
 * @param {string} folder
 * @param {string[]} files
 * @returns {Failure[]} those that fail
 */
function runTests(folder, files) {
  const results = mkdtempSync(path.join(tmpdir(), "synod-mutant-"));
  try {
    const output = path.join(results, "results.json");
    const vitest = path.join(folder, "node_modules/vitest/vitest.mjs");
    const run = spawnSync(
      process.execPath,
      [vitest, "run", ...files, "--reporter=json", `--outputFile=${output}`],
      { cwd: folder, encoding: "utf8", env: { ...process.env, NODE_OPTIONS: "" }, timeout: 300_000 },
    );
    /** @type {{ testResults: { name: string, assertionResults: { status: string, fullName: string }[], status: string, message: string }[] }} */
    let report;
    try {
      report = JSON.parse(readFileSync(output, "utf8"));
    } catch {
      throw new Error(`no test ran: ${run.stdout}${run.stderr}`);
    }
    const failed = [];
    for (const suite of report.testResults) {
      const file = path.relative(folder, suite.name);
      if (suite.assertionResults.length === 0) throw new Error(`${file} did not load: ${suite.message}`);
      for (const { status, fullName } of suite.assertionResults) {
        if (status !== "passed") failed.push({ file, test: fullName });
      }
    }
    return failed;
  } finally {
    rmSync(results, { recursive: true, force: true });
  }
}

/**
 * The outcome of the tests that must notice a fault. One that keeps a file from being loaded, as a false token does, is noticed by
 * the compiler and shows nothing of the tests.
 * @param {string} folder @param {import("./mutants.mjs").Mutant} mutant @param {Failure[]} unmutated
 */
function outcomeOf(folder, mutant, unmutated) {
  try {
    const failed = runTests(folder, mutant.red).filter(
      ({ file, test }) => !unmutated.some((each) => each.file === file && each.test === test),
    );
    return { failed, blind: blindTo(mutant, failed) };
  } catch (error) {
    return { failed: [], blind: [error instanceof Error ? error.message : String(error)] };
  }
}

/**
 * Tries each fault in turn, and before them the files that they name without any: what fails there is found by nobody.
 * @param {import("./mutants.mjs").Mutant[]} mutants
 * @param {(outcome: Tried) => void} tried
 * @returns {Failure[]} what fails without a fault
 */
export function tryFaults(mutants, tried) {
  // With what was built: modules of services are bundled for their realm from there.
  const copy = builtCopy();
  try {
    const unmutated = runTests(copy.folder, [...new Set(mutants.flatMap(({ red }) => red))]);
    for (const mutant of mutants) {
      const startedMs = Date.now();
      plant(mutant, copy.folder);
      const outcome = outcomeOf(copy.folder, mutant, unmutated);
      remove(mutant, copy.folder);
      tried({ mutant, ...outcome, seconds: (Date.now() - startedMs) / 1000 });
    }
    return unmutated;
  } finally {
    copy.remove();
  }
}
