// What scripts fetch from registries, which not every machine reaches.
import { execFileSync } from "node:child_process";
import { Lacking } from "./needs.mjs";

/**
 * Runs a program that fetches something. Throws Lacking, with the program's last line, when it cannot.
 * @param {string} what is fetched, and from where
 * @param {string} program @param {string[]} parameters @param {{ cwd?: string }} [options]
 */
export function fetched(what, program, parameters, options = {}) {
  try {
    execFileSync(program, parameters, { ...options, stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    const { stderr, message } = /** @type {{ stderr?: Buffer, message: string }} */ (error);
    const last = stderr?.toString().trimEnd().split("\n").at(-1) ?? message;
    throw new Lacking(`it needs ${what} (${last})`);
  }
}
