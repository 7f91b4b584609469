// Small helpers that the scripts share: run a program, and keep a summary for .ci/run to add up.
import { spawn } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** What no proxy stands before. @param {{ readonly no_proxy?: string }} environment */
function withoutProxy({ no_proxy: given }) {
  return [given, "127.0.0.1,localhost,::1"].filter(Boolean).join(",");
}

/** What every child gets: nothing phones home or asks the network for an update, and no proxy stands before this machine. */
export const quietEnvironment = {
  ...process.env,
  TURBO_TELEMETRY_DISABLED: "1",
  TURBO_NO_UPDATE_NOTIFIER: "1",
  DO_NOT_TRACK: "1",
  NO_UPDATE_NOTIFIER: "1",
  no_proxy: withoutProxy(process.env),
};

/**
 * The path of a program that npm installed in this repository.
 * @param {string} name
 */
export function installed(name) {
  return path.join(root, "node_modules", ".bin", name);
}

/**
 * Runs a program to its end.
 * @param {string} program
 * @param {readonly string[]} parameters
 * @param {{ capture?: boolean, cwd?: string }} [options] `capture` keeps the output instead of showing it
 * @returns {Promise<{ code: number, output: string }>}
 */
export function run(program, parameters, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, parameters, {
      cwd: options.cwd ?? root,
      env: quietEnvironment,
      stdio: options.capture ? ["ignore", "pipe", "pipe"] : ["ignore", "inherit", "inherit"],
    });
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
    child.on("error", (error) => resolve({ code: 127, output: `${output}${program}: ${error.message}\n` }));
    child.on("close", (code, signal) => {
      if (signal) output += `${program} was ended by ${signal}\n`;
      resolve({ code: code ?? 1, output });
    });
  });
}

/** @param {string} name */
function summaryFile(name) {
  return path.join(root, "node_modules", ".cache", "synod", `${name}.json`);
}

/**
 * Forgets the counts of an earlier run, so that a run which dies leaves none behind.
 * @param {string} name
 */
export function clearSummary(name) {
  rmSync(summaryFile(name), { force: true });
}

/**
 * @param {string} name
 * @param {{ passed: number, failed: number }} counts
 */
export function writeSummary(name, counts) {
  const file = summaryFile(name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(counts)}\n`);
}
