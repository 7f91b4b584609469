import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { asTyped, looksLikeFlag, requireReadable, withoutSeparator } from "../src/arguments.js";
import { runCommandLine } from "../src/program.js";
import { startFakeStore } from "./support/fake-store.js";
import { type Printed, takePrinted } from "./support/printed.js";

let directory: string;
let printed: Printed;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "synod-cli-"));
  vi.spyOn(process, "cwd").mockReturnValue(directory);
  printed = takePrinted();
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
    [["kv", "put", "a"], "expected a value behind the key, or --stdin, found neither"],
    [["kv", "put", "a", "b", "--stdin"], "expected a value behind the key, or --stdin, found both"],
    [
      ["kv", "put", "a", "-x"],
      'too many: -x; words that begin with a dash and are no flags, values too, go behind "--"',
    ],
    [["kv", "put", "a", "-xyz"], "too many: -xyz;"],
    [["kv", "put", "a", "b", "--x", "-y"], "too many: --x, -y;"],
    [["kv", "put", "a", "--no-thing", "--some-thing=5"], "too many: --no-thing, --some-thing=5;"],
    [["kv", "put", "x", "-x"], "too many: -x;"],
    [["kv", "get", "--", "a", "--b"], "a word too many: --b\n"],
    [["skip", "--", "first"], "--slot: expected a whole number"],
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

describe("words behind --", () => {
  it("take their places as they were typed, and none is dropped", () => {
    const words = fc.array(fc.oneof(fc.string(), fc.constantFrom("-x", "--", "-", "-5", "--replica", "-5x")));
    fc.assert(
      fc.property(words, words, (before, behind) => {
        const flags = before.filter((word) => word !== "--");
        const taken = withoutSeparator([...flags, "--", ...behind]);
        expect(taken.map(asTyped)).toEqual([...flags, ...behind]);
        expect(taken.slice(flags.length).some(looksLikeFlag)).toBe(false);
      }),
    );
  });

  it.each([
    [["get", "--", "-x"], { key: "-x" }],
    [["put", "--", "--replica", "-5"], { key: "--replica", value: "-5" }],
    [["put", "k", "--", "-x"], { key: "k", value: "-x" }],
    [["put", "-5", "-"], { key: "-5", value: "-" }],
    [["range", "--", "-"], { prefix: "-" }],
  ])("reach the store: kv %j", async (words, request) => {
    const store = await startFakeStore();
    onTestFinished(() => store.stop());
    await run(["kv", words[0] as string, "--replica", store.address, ...words.slice(1)]);
    const [{ value = new Uint8Array(), ...asked } = {}] = store.requests;
    expect({ ...asked, value: Buffer.from(value as Uint8Array).toString() }).toMatchObject(request);
  });
});

describe("words that are not UTF-8", () => {
  const raw = (...words: (string | number[])[]) =>
    Buffer.concat(words.map((word) => Buffer.concat([Buffer.from(word as string), Buffer.alloc(1)])));

  it("are refused, and the character that stands for them is not", () => {
    expect(() => requireReadable(["caf\ufffd"], () => raw("node", [0x63, 0x61, 0x66, 0xe9]))).toThrow(
      'expected words in UTF-8, found other bytes in "caf\ufffd"',
    );
    requireReadable(["caf\ufffd"], () => raw("node", "caf\ufffd"));
    requireReadable(["caf\u00e9"], () => {
      throw new Error("not asked for");
    });
  });
});
