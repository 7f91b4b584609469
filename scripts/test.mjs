// npm test: builds, then runs every test there is. Nothing is cached, retried or skipped.
// npm test -- FILTER… runs the matching files only.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { leftOut } from "../test/foreign.mjs";
import { clearSummary, installed, run, writeSummary } from "./steps.mjs";

clearSummary("test");

/**
 * @typedef {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number,
 *   success: boolean, testResults: { name: string, status: string, assertionResults: unknown[] }[] }} Report
 */

/**
 * The counts in vitest's report. A file that could not even be loaded counts as one failed test.
 * @param {Report} report
 */
function counts(report) {
  const unloadable = report.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.length === 0,
  ).length;
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + unloadable,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

const build = await run(process.execPath, ["scripts/build.mjs"]);
if (build.code !== 0) {
  console.error("tests: not run, because the build failed");
  writeSummary("test", { passed: 0, failed: 1 });
  process.exit(1);
}

const temporary = mkdtempSync(path.join(tmpdir(), "synod-test-"));
const reportFile = path.join(temporary, "report.json");
const { code } = await run(installed("vitest"), [
  "run",
  "--reporter=default",
  "--reporter=json",
  `--outputFile.json=${reportFile}`,
  ...process.argv.slice(2),
]);

let result;
try {
  result = counts(JSON.parse(readFileSync(reportFile, "utf8")));
} catch (error) {
  console.error(`tests: vitest left no report (exit code ${code}): ${error}`);
  result = { passed: 0, failed: 1, skipped: 0 };
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
// Where CI is set, a test that did not run is a failure.
if (process.env.CI && result.skipped > 0) {
  console.error(`tests: ${result.skipped} skipped; where CI is set every test must run`);
  result.failed += result.skipped;
}
// Errors outside any test (an unhandled rejection) fail the run too.
if (code !== 0 && result.failed === 0) result.failed = 1;
writeSummary("test", { passed: result.passed, failed: result.failed });
for (const { file, why } of leftOut()) console.log(`tests: ${file} was left out: ${why}`);
console.log(`tests: ${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped`);
process.exitCode = result.failed > 0 || code !== 0 ? 1 : 0;
