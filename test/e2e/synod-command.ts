import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const repository = fileURLToPath(new URL("../..", import.meta.url));
const bin = path.join(repository, "packages/cli/bin/synod.js");

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running `synod`, and what it printed so far. */
export class SynodProcess {
  readonly child: ChildProcess;
  stdout = "";
  stderr = "";
  readonly ended: Promise<Ended>;
  readonly #watchers = new Set<() => void>();

  constructor(args: readonly string[], workingDirectory: string) {
    this.child = spawn(process.execPath, [bin, ...args], {
      cwd: workingDirectory,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
      this.#look();
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
      this.#look();
    });
    this.ended = new Promise((resolve) => {
      this.child.once("close", (code) => {
        resolve({ code, stdout: this.stdout, stderr: this.stderr });
        this.#look();
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Resolves with the first match in what is printed; rejects when the process ends without one. */
  printed(pattern: RegExp, where: "stdout" | "stderr" = "stdout"): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(this[where]);
        if (match) resolve(match);
        else if (this.child.exitCode === null && this.child.signalCode === null) return;
        else reject(new Error(`synod ended without printing ${pattern}:\n${this.stdout}\n${this.stderr}`));
        this.#watchers.delete(look);
      };
      this.#watchers.add(look);
      look();
    });
  }

  #look(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

export interface Member {
  readonly id: string;
  readonly address: string;
  readonly pid: number;
  readonly log: string;
}

export interface ReadyLine {
  readonly replicas: readonly Member[];
  readonly leaders: readonly Member[];
  readonly acceptors: readonly Member[];
}

export function membersOf(ready: ReadyLine): Member[] {
  return [...ready.replicas, ...ready.leaders, ...ready.acceptors];
}

/** A working directory of its own, with every process started in it; `end` leaves neither. */
export class Workplace {
  readonly directory = mkdtempSync(path.join(tmpdir(), "synod-e2e-"));
  readonly #started: SynodProcess[] = [];

  start(...args: string[]): SynodProcess {
    const started = new SynodProcess(args, this.directory);
    this.#started.push(started);
    return started;
  }

  run(...args: string[]): Promise<Ended> {
    return this.start(...args).ended;
  }

  async end(): Promise<void> {
    for (const { child } of this.#started) {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    }
    await Promise.all(this.#started.map((started) => started.ended));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** True when the port of an address can be listened on. */
export function free(address: string): Promise<boolean> {
  const port = Number(address.slice(address.lastIndexOf(":") + 1));
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Runs a line as a shell would, in the repository. */
export function shell(line: string): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn("sh", ["-c", line], { cwd: repository, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}
