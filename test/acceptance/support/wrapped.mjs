// A service process under another program, such as strace, or from another folder than this one. It has what the
// children of `synod up` have, so that a script may kill, stop and start it like any other.
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import path from "node:path";
import { serviceBin } from "@synod/cli";
import { stopWithParentVariable } from "@synod/node";

/** @typedef {import("@synod/cli").PlannedMember} PlannedMember */
/** @typedef {import("@synod/cli").Ending} Ending */

/**
 * @typedef {object} How
 * @property {string[]} [before] program and parameters that get the service's command line as their last parameters
 * @property {string} [node] the program that runs it
 * @property {string} [folder] a copy of the repository, built, whose service it is to be
 */

export class WrappedChild {
  /** @type {PlannedMember} */ member;
  /** Of the outermost program. @type {number} */ pid;
  /** @type {Promise<Ending>} */ ended;
  /** @type {Ending | undefined} */ #ending;
  #process;
  #wrapped;

  /** @param {PlannedMember} member @param {How} how */
  constructor(member, { before = [], node = process.execPath, folder }) {
    this.member = member;
    mkdirSync(path.dirname(member.log), { recursive: true });
    const log = openSync(member.log, "a");
    const bin = folder
      ? path.join(folder, "services", member.role, "bin", `synod-${member.role}.js`)
      : serviceBin(member.role);
    const [program = "", ...parameters] = [...before, node, bin, "--config", member.config];
    this.#wrapped = before.length > 0;
    this.#process = spawn(program, parameters, {
      stdio: ["pipe", log, log],
      detached: true,
      env: { ...process.env, [stopWithParentVariable]: "1" },
    });
    closeSync(log);
    this.pid = this.#process.pid ?? 0;
    this.#process.stdin?.on("error", () => {
      // A pipe to a process that died.
    });
    this.ended = new Promise((resolve) => {
      /** @param {Ending} ending */
      const end = (ending) => {
        this.#ending = ending;
        resolve(ending);
      };
      this.#process.once("exit", (code, signal) => end({ code, signal }));
      this.#process.once("error", () => end({ code: null, signal: null }));
    });
  }

  get running() {
    return this.#ending === undefined;
  }

  /** Goes to the service itself: a killed strace would leave it behind, and it ends when the service does. @param {NodeJS.Signals} signal */
  signal(signal) {
    if (!this.running) return;
    const service = this.#wrapped ? childOf(this.pid) : this.pid;
    if (service === undefined) this.#process.kill(signal);
    else
      try {
        process.kill(service, signal);
      } catch {
        // It ended in this moment.
      }
  }
}

/** The only child of a process, as long as it has one. @param {number} pid */
function childOf(pid) {
  try {
    const [first] = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim().split(" ");
    return first ? Number(first) : undefined;
  } catch {
    return undefined;
  }
}
