import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { stopWithParentVariable } from "../src/process/parent.js";

const fixture = fileURLToPath(new URL("support/fixture-service.mjs", import.meta.url));

const cleanups: (() => void)[] = [];
afterAll(() => {
  for (const cleanup of cleanups) cleanup();
});

function unreadPipe(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "synod-pipe-"));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  execFileSync("mkfifo", [path.join(folder, "pipe")]);
  return path.join(folder, "pipe");
}

interface Started {
  readonly child: ChildProcess;
  /** Resolves when standard error holds the text; rejects when the process ends without it. */
  readonly said: (text: string) => Promise<void>;
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

function start(parameters: readonly string[], environment: NodeJS.ProcessEnv = {}): Started {
  const child = spawn(process.execPath, [fixture, ...parameters], {
    env: { ...process.env, ...environment },
  });
  cleanups.push(() => child.kill("SIGKILL"));
  const texts = { stdout: "", stderr: "" };
  const listeners = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      texts[name] += text;
      for (const listener of listeners) listener();
    });
  }
  const ended = new Promise<Awaited<Started["ended"]>>((resolve) => {
    child.on("close", (code) => resolve({ code, ...texts }));
  });
  const said = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!texts.stderr.includes(text)) return;
        listeners.delete(look);
        resolve();
      };
      listeners.add(look);
      look();
      void ended.then(({ code }) => reject(new Error(`ended with ${code} before it said "${text}"`)));
    });
  return { child, said, ended };
}

describe.concurrent("a service's process", () => {
  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
    "stops in good order and exits with 0 at %s",
    async (signal) => {
      const { child, said, ended } = start(["stop"]);
      await said("ready");
      child.kill(signal);
      const { code, stderr } = await ended;
      expect([code, stderr]).toEqual([0, "fixture: ready\nfixture: stop called\n"]);
    },
  );

  test("keeps a signal that comes while it starts until it has started", async () => {
    const { child, said, ended } = start(["slow-start"]);
    await said("starting");
    child.kill("SIGTERM");
    const { code, stderr } = await ended;
    expect([code, stderr]).toEqual([0, "fixture: starting\nfixture: ready\nfixture: stop called\n"]);
  });

  test("exits with 1 within 5 s when its stop hangs", async () => {
    const { child, said, ended } = start(["hang"]);
    await said("ready");
    child.kill("SIGTERM");
    const { code, stderr } = await ended;
    expect(code).toBe(1);
    // What is left of the 5 s is for the machine, which another process here cannot measure while it is busy.
    expect(stderr).toContain("the stop did not end within 4500 ms");
  });

  test("exits with 1 at once at a second signal", async () => {
    const { child, said, ended } = start(["hang"]);
    await said("ready");
    child.kill("SIGTERM");
    await said("stop called");
    child.kill("SIGINT");
    const { code, stderr } = await ended;
    expect(code).toBe(1);
    expect(stderr).toContain("SIGINT while stopping: ended at once");
  });

  test("stops when the parent that holds its standard input is gone, if asked to", async () => {
    const { child, said, ended } = start(["stop"], { [stopWithParentVariable]: "1" });
    await said("ready");
    child.stdin?.end();
    expect((await ended).code).toBe(0);
  });

  test("exits with 3 and names the address when it is in use", async () => {
    const busy: Server = createServer();
    await new Promise<void>((resolve) => busy.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => busy.close());
    const { port } = busy.address() as { port: number };
    const { code, stderr } = await start(["stop", String(port)]).ended;
    expect(code).toBe(3);
    expect(stderr).toContain(`127.0.0.1:${port}`);
  });

  test.each([
    ["fail", 4, "fixture: no store\n"],
    ["rejection", 7, "fixture: fsync failed\n"],
    ["defect", 1, "fixture: ended by an unexpected error: "],
    ["fatal", 8, "fixture: stopped rather than go on with an invariant violated: two values"],
  ])(
    "%s: ends with its exit code, a line for a person and one in the log",
    async (behaviour, expected, words) => {
      const { code, stdout, stderr } = await start([behaviour]).ended;
      expect(code).toBe(expected);
      expect(stderr).toContain(words);
      const lines = stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(lines.at(-1)).toMatchObject({
        level: "fatal",
        exitCode: expected,
        err: { stack: expect.any(String) },
      });
    },
  );

  test("survives a promise that a user's service let go of, and logs it", async () => {
    const { child, said, ended } = start(["of a service"]);
    await said("ready");
    child.kill("SIGTERM");
    const { code, stdout } = await ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/"level":"error".*a handler's.*left a rejected promise unhandled/);
  });

  test("a command that only answers exits with 0, its answer alone on standard output", async () => {
    const { code, stdout, stderr } = await start(["done"]).ended;
    expect([code, stdout, stderr]).toEqual([0, "answer\n", ""]);
  });

  test.each([
    ["full", () => openSync("/dev/full", "w")],
    // What Node calls a pipe is a socket, as a supervisor may have one too; it and a pipe are full after some KiB.
    ["a socket that nobody reads", () => "pipe" as const],
    ["a pipe that nobody reads", () => openSync(unreadPipe(), "r+")],
  ])(
    "goes on, and stops in good order, when both outputs are %s",
    async (_, open) => {
      const output = open();
      const child = spawn(process.execPath, [fixture, "chatter"], {
        stdio: ["pipe", output, output, "ipc"],
        env: { ...process.env, [stopWithParentVariable]: "1" },
      });
      cleanups.push(() => child.kill("SIGKILL"));
      if (typeof output === "number") closeSync(output);
      // It says so only after more lines than any pipe takes.
      expect(await once(child, "message")).toEqual(["ready", undefined]);
      child.stdin?.end();
      expect(await once(child, "exit")).toEqual([0, null]);
    },
    30_000,
  );

  test("an answer that standard output does not take is told in a sentence, with exit code 1", async () => {
    const full = openSync("/dev/full", "w");
    const child = spawn(process.execPath, [fixture, "done"], { stdio: ["ignore", full, "pipe"] });
    closeSync(full);
    let stderr = "";
    child.stderr?.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    expect((await once(child, "close"))[0]).toBe(1);
    expect(stderr).toBe(
      "fixture: cannot write to standard output: no space left on device (ENOSPC); it is done\n",
    );
  });
});
