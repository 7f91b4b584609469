// npm run acceptance -- rules [NAME…]: takes each protocol rule out by a small patch of test/mutants and shows the tests
// that then turn red.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { builtCopy, root } from "./support/copy.mjs";
import { mutantsNamed, numberedRules, plant, remove, schedules } from "./support/mutants.mjs";

export const name = "rules";
export const promise = "each protocol rule taken out by a committed patch turns a test red";

/**
 * What stays green with a fault: files that the patch names, and the schedule that was saved for this fault, which another
 * one in the same file must not stand in for.
 * @param {import("./support/mutants.mjs").Mutant} mutant
 * @param {{ file: string, test: string }[]} failed
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
 * @returns {{ passed: number, failed: { file: string, test: string }[] }}
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
    let passed = 0;
    const failed = [];
    for (const suite of report.testResults) {
      const file = path.relative(folder, suite.name);
      if (suite.assertionResults.length === 0) throw new Error(`${file} did not load: ${suite.message}`);
      for (const { status, fullName } of suite.assertionResults) {
        if (status === "passed") passed++;
        else failed.push({ file, test: fullName });
      }
    }
    return { passed, failed };
  } finally {
    rmSync(results, { recursive: true, force: true });
  }
}

/** @param {{ parameters: string[], progress: (line: string) => void }} options */
export async function run({ parameters, progress }) {
  const wanted = mutantsNamed(parameters).filter(({ red }) => red.length > 0);
  // With what was built: modules of services are bundled for their realm from there.
  const copy = builtCopy();
  try {
    const files = [...new Set(wanted.flatMap((mutant) => mutant.red))];
    const unmutated = runTests(copy.folder, files);
    progress(`without a fault: ${unmutated.passed} passed, ${unmutated.failed.length} failed`);
    for (const { file, test } of unmutated.failed) progress(`    ${file}: ${test}`);
    const survivors = [];
    for (const mutant of wanted) {
      plant(mutant, copy.folder);
      const failed = runTests(copy.folder, mutant.red).failed.filter(
        ({ file, test }) => !unmutated.failed.some((each) => each.file === file && each.test === test),
      );
      remove(mutant, copy.folder);
      const blind = blindTo(mutant, failed);
      if (blind.length > 0) survivors.push(`${mutant.name} in ${blind.join(", ")}`);
      progress(
        `rule ${mutant.rule}: ${mutant.fault}: ${blind.length > 0 ? "SURVIVED" : "found"} (${mutant.name})`,
      );
      for (const file of new Set(failed.map((failure) => failure.file))) {
        const tests = failed.filter((failure) => failure.file === file).map((failure) => failure.test);
        progress(`    ${file}: ${tests[0]}${tests.length > 1 ? ` and ${tests.length - 1} more` : ""}`);
      }
    }
    const covered = new Set(wanted.flatMap((mutant) => mutant.rule.split(" ")));
    const uncovered = parameters.length > 0 ? [] : numberedRules().filter((rule) => !covered.has(rule));
    return {
      holds: unmutated.failed.length === 0 && survivors.length === 0 && uncovered.length === 0,
      figures: {
        mutants: wanted.length,
        found: wanted.length - survivors.length,
        survivors,
        rulesWithoutMutant: uncovered,
      },
    };
  } finally {
    copy.remove();
  }
}
