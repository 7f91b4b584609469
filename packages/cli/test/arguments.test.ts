import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runCommandLine } from "../src/program.js";

let directory: string;
let printed: { stdout: string; stderr: string };

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "synod-cli-"));
  printed = { stdout: "", stderr: "" };
  vi.spyOn(process, "cwd").mockReturnValue(directory);
  for (const stream of ["stdout", "stderr"] as const) {
    vi.spyOn(process[stream], "write").mockImplementation((text) => {
      printed[stream] += String(text);
      return true;
    });
  }
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true, force: true });
});

/** The exit code that a command line leaves. */
async function run(args: readonly string[]): Promise<typeof process.exitCode> {
  const before = process.exitCode;
  process.exitCode = undefined;
  try {
    await runCommandLine(args);
    return process.exitCode;
  } finally {
    process.exitCode = before;
  }
}

describe("the synod command", () => {
  it.each([
    [["dance"], "unknown command, or a word too many: dance"],
    [["statu"], 'no command "statu"; did you mean status?'],
    [["up", "--colour", "blue"], "colour"],
    [[], "expected a command"],
    [["kv"], "expected one of: get, put, delete, range"],
    [["kv", "get"], "too few words behind the command: expected 1, found 0"],
    [["kv", "get", "a", "b"], 'a word too many: b\n"synod kv get --help" tells'],
    [["kv", "get", "--replica", "127.0.0.1:4100"], "too few words behind the command"],
    [["up", "--service"], "--service: expected a value behind it, found none"],
    [["up", "--port", "first"], "found something that is no number"],
    [["up", "--acceptors", "none"], "--acceptors: expected a whole number from 1 to 9"],
    [["demo", "--clients", "0"], "--clients: expected a whole number of at least 1, found 0"],
    [["log", "--from", "0"], "--from: expected a whole number of at least 1, found 0"],
    [["kv", "get", "a", "--timeout", "soon"], "--timeout: expected a whole number"],
    [["status", "--replica", "nowhere"], "--replica: expected HOST:PORT"],
  ])("ends with 2 and names what is wrong with %j", async (args, expected) => {
    expect(await run(args)).toBe(2);
    expect(printed.stdout).toBe("");
    expect(printed.stderr).toContain(expected);
  });

  it.each([[["status"]], [["kv", "get", "a"]], [["log"]]])(
    "ends with 1 and says how to start a cluster when there is none: %j",
    async (args) => {
      expect(await run(args)).toBe(1);
      expect(printed.stderr).toContain("start one with `npx synod up`, or give --replica");
    },
  );
});
