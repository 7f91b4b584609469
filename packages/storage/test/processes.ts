import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { symlinkSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { build } from "vite";
import { onTestFinished } from "vitest";

const here = import.meta.dirname;

/** Bundles `child.ts` with the sources as they are, so that no build can be out of date. */
export async function bundleChild(directory: string): Promise<string> {
  symlinkSync(path.join(here, "..", "..", "..", "node_modules"), path.join(directory, "node_modules"));
  await build({
    configFile: false,
    logLevel: "error",
    resolve: { conditions: ["source", "node"] },
    ssr: { noExternal: [/^@synod\//], resolve: { conditions: ["source", "node"] } },
    build: { ssr: path.join(here, "child.ts"), outDir: directory, emptyOutDir: false, minify: false },
  });
  return path.join(directory, "child.js");
}

export interface Child {
  readonly pid: number;
  /** The next line it says; undefined when it has ended. */
  line(): Promise<string | undefined>;
  signal(signal: NodeJS.Signals): void;
  /** Sends a signal and waits until the process is gone. */
  end(signal: NodeJS.Signals): Promise<void>;
  readonly exited: Promise<number | null>;
}

/** Runs a command that is gone when the test ends. */
export function start(command: string, ...parameters: string[]): Child {
  const child: ChildProcess = spawn(command, parameters, { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit").then(([code]) => code as number | null);
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await exited;
  };
  onTestFinished(() => (child.exitCode === null && child.signalCode === null ? end("SIGKILL") : undefined));
  return {
    pid: child.pid as number,
    line: async () => (await lines.next()).value as string | undefined,
    signal: (signal) => child.kill(signal),
    end,
    exited,
  };
}
