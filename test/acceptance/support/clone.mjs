// What a stranger has: a fresh clone of the last commit, and the commands that the README names.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { root } from "./copy.mjs";

/** @returns {{ folder: string, remove: () => void }} */
export function freshClone() {
  const parent = mkdtempSync(path.join(tmpdir(), "synod-clone-"));
  const folder = path.join(parent, "synod");
  execFileSync("git", ["clone", "--quiet", root, folder]);
  return { folder, remove: () => rmSync(parent, { recursive: true, force: true }) };
}

/**
 * Runs a command line in a folder to its end.
 * @param {string} line
 * @param {string} folder
 * @param {{ withinMs?: number, environment?: Record<string, string> }} [options]
 * @returns {Promise<{ code: number | null, stdout: string, stderr: string, ms: number }>}
 */
export function shell(line, folder, { withinMs = 600_000, environment = {} } = {}) {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn("sh", ["-c", line], {
      cwd: folder,
      env: { ...process.env, ...environment },
      detached: true,
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    const timer = setTimeout(() => {
      if (child.pid) process.kill(-child.pid, "SIGKILL");
      reject(new Error(`"${line}" did not end within ${withinMs} ms:\n${stdout}\n${stderr}`));
    }, withinMs);
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr, ms: Math.round(performance.now() - startedAt) });
    });
  });
}
