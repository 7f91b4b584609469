import { mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeDirectory, systemReason, systemSentence } from "../src/process/system-error.js";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "synod-system-"));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function errorOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("expected an error, found none");
}

describe("what the operating system refuses", () => {
  it("is a sentence with what was tried, where, and why", () => {
    const absent = path.join(directory, "absent");
    const error = errorOf(() => openSync(absent, "r"));
    expect(systemReason(error)).toBe("no such file or directory (ENOENT)");
    expect(systemSentence(error)).toBe(`cannot open ${absent}: no such file or directory (ENOENT)`);
    expect(systemSentence(errorOf(() => readdirSync(absent)))).toContain("cannot list ");
  });

  it("says what to do where that is known", () => {
    writeFileSync(path.join(directory, "file"), "");
    const within = path.join(directory, "file", "within");
    expect(systemSentence(errorOf(() => makeDirectory(within)))).toBe(
      `cannot make the directory ${within}: not a directory (ENOTDIR); a part of the path is a file where a directory is expected`,
    );
    expect(systemSentence(errorOf(() => mkdtempSync("/nowhere/at-all")))).toBe(
      "cannot make a temporary directory /nowhere/at-allXXXXXX: no such file or directory (ENOENT); TMPDIR has to name a directory that this account may write",
    );
  });

  it("is no sentence for any other error", () => {
    expect(systemSentence(new TypeError("x is not a function"))).toBeUndefined();
    expect(systemSentence(undefined)).toBeUndefined();
    expect(systemReason("words")).toBe("words");
  });
});

it("directories are made with those above them, and may be there already", () => {
  for (let time = 0; time < 2; time++) makeDirectory(path.join(directory, "a", "b"));
  expect(readdirSync(path.join(directory, "a"))).toEqual(["b"]);
});
