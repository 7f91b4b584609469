import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import path from "node:path";
import { stopWithParentVariable } from "@synod/node";
import { makeDirectory, systemSentence } from "@synod/node/surroundings";
import { reasonOf } from "../failure.js";
import type { PlannedMember } from "./plan.js";
import { serviceBin } from "./service-bin.js";

/** The end of a service's process. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One running service. Its standard input is a pipe that only this process holds: when it closes, the service stops. */
export class Child {
  readonly member: PlannedMember;
  readonly pid: number;
  /** The reason why its log cannot be written, in words: it runs without one then. */
  readonly logTrouble: string | undefined;
  /** Resolves when the process is gone. */
  readonly ended: Promise<Ending>;
  #ending: Ending | undefined;
  readonly #process: ChildProcess;

  /** @param environment what it is started with, Synod's own variables left out */
  constructor(member: PlannedMember, environment: NodeJS.ProcessEnv = process.env) {
    this.member = member;
    const { log, trouble } = openLog(member.log);
    this.logTrouble = trouble;
    // Detached: Ctrl-C in a terminal reaches `up` alone, which then stops its children in good order.
    this.#process = spawn(process.execPath, [serviceBin(member.role), "--config", member.config], {
      stdio: ["pipe", log, log],
      detached: true,
      env: { ...serviceEnvironment(environment), [stopWithParentVariable]: "1" },
    });
    closeSync(log);
    this.pid = this.#process.pid ?? 0;
    this.#process.stdin?.on("error", () => {
      // A pipe to a process that died; its end is reported by `ended`.
    });
    this.ended = new Promise((resolve) => {
      const end = (ending: Ending) => {
        this.#ending = ending;
        resolve(ending);
      };
      this.#process.once("exit", (code, signal) => end({ code, signal }));
      this.#process.once("error", () => end({ code: null, signal: null }));
    });
  }

  get running(): boolean {
    return this.#ending === undefined;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.running) this.#process.kill(signal);
  }
}

/** What a service says is no condition for running it. A named pipe in the log's place is not waited for either. */
function openLog(file: string): { readonly log: number; readonly trouble?: string } {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = constants;
  try {
    makeDirectory(path.dirname(file));
    return { log: openSync(file, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0o666) };
  } catch (error) {
    return { log: openSync("/dev/null", "w"), trouble: systemSentence(error) ?? reasonOf(error) };
  }
}

/** Synod's own variables say where one service stands: here the configuration file does. The log level may pass. */
function serviceEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = ([name]: [string, unknown]) => !name.startsWith("SYNOD_") || name === "SYNOD_LOG_LEVEL";
  return Object.fromEntries(Object.entries(environment).filter(kept));
}

/** The end of a log that last words are looked for in, in bytes. */
const searchedBytes = 64 << 10;

/** The last lines of a log file, the structured ones made readable. */
export function lastLines(file: string, count: number): string[] {
  let text: string;
  try {
    text = endOf(file);
  } catch {
    return [];
  }
  return text.trimEnd().split("\n").slice(-count).map(readable);
}

function endOf(file: string): string {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = fstatSync(descriptor);
    if (!found.isFile()) return "";
    const bytes = Buffer.alloc(Math.min(searchedBytes, found.size));
    return bytes.toString("utf8", 0, readSync(descriptor, bytes, 0, bytes.length, found.size - bytes.length));
  } finally {
    closeSync(descriptor);
  }
}

function readable(line: string): string {
  try {
    const { level, msg, err } = JSON.parse(line) as {
      level?: unknown;
      msg?: unknown;
      err?: { message?: unknown };
    };
    if (typeof msg !== "string") return line;
    const cause = typeof err?.message === "string" && err.message !== msg ? `: ${err.message}` : "";
    return `${level} ${msg}${cause}`;
  } catch {
    return line;
  }
}
