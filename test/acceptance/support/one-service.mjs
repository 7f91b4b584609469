// Programs of this repository that are run to their end.
import { spawn } from "node:child_process";
import path from "node:path";
import { serviceBin } from "@synod/cli";
import { root } from "./copy.mjs";

const endsWithinMs = 20_000;

/** @typedef {{ code: number | null, stdout: string, stderr: string }} Ended */

/**
 * Runs a service that is expected to end by itself.
 * @param {import("@synod/cli").RoleName} role
 * @param {string[]} parameters
 */
export function runService(role, parameters) {
  return runNode([serviceBin(role), ...parameters], root);
}

/** @param {string[]} parameters @param {string} folder */
export function synod(parameters, folder) {
  return runNode([path.join(root, "packages/cli/bin/synod.js"), ...parameters], folder);
}

/**
 * @param {string[]} parameters
 * @param {string} cwd
 * @returns {Promise<Ended>}
 */
function runNode(parameters, cwd) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, parameters, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), endsWithinMs);
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
  });
}
