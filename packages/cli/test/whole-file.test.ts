import { execFileSync } from "node:child_process";
import {
  linkSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Failure } from "../src/failure.js";
import { writeWhole } from "../src/whole-file.js";

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "synod-whole-"));
  file = path.join(directory, "in", "file");
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe("a file that is written whole", () => {
  it("is another file from then on, so that no reader finds a part of it", () => {
    writeWhole(file, "old");
    const reader = path.join(directory, "reader");
    linkSync(file, reader);
    writeWhole(file, "new");
    expect([readFileSync(file, "utf8"), readFileSync(reader, "utf8")]).toEqual(["new", "old"]);
    expect(readdirSync(path.dirname(file))).toEqual(["file"]);
  });

  it("leaves nothing behind, and the old text where it is, when the disk does not take it", () => {
    writeWhole(file, "old");
    const module = path.join(import.meta.dirname, "../dist/whole-file.js");
    const program = `
      const { writeWhole } = await import(${JSON.stringify(module)});
      try { writeWhole(${JSON.stringify(file)}, "new".repeat(1_000)); } catch ({ code }) { process.stdout.write(code); }`;
    // No file may have a byte: the descriptor that the words go to is a pipe.
    const full = 'trap "" XFSZ; ulimit -f 0; exec "$@"';
    const node = [process.execPath, "--input-type=module", "--eval", program];
    expect(execFileSync("sh", ["-c", full, "sh", ...node], { encoding: "utf8" })).toBe("EFBIG");
    expect([readdirSync(path.dirname(file)), readFileSync(file, "utf8")]).toEqual([["file"], "old"]);
  });

  it("is left alone when it has the text already", () => {
    writeWhole(file, "same");
    const { ino } = statSync(file);
    writeWhole(file, "same");
    expect(statSync(file).ino).toBe(ino);
  });

  it("is the one that a symbolic link means", () => {
    writeFileSync(path.join(directory, "meant"), "old");
    symlinkSync("meant", path.join(directory, "link"));
    writeWhole(path.join(directory, "link"), "new");
    expect(lstatSync(path.join(directory, "link")).isSymbolicLink()).toBe(true);
    expect(readFileSync(path.join(directory, "meant"), "utf8")).toBe("new");
  });

  it("takes no other thing's place", () => {
    const pipe = path.join(directory, "pipe");
    execFileSync("mkfifo", [pipe]);
    for (const [place, what] of [
      [pipe, "a named pipe"],
      [directory, "a directory"],
    ] as const)
      expect(() => writeWhole(place, "new")).toThrow(
        new Failure(`expected a file or nothing at ${place}, found ${what}`),
      );
    expect(readdirSync(directory)).toEqual(["pipe"]);
  });
});
