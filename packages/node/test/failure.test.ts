import { InvariantViolation } from "@synod/core";
import { StoreError } from "@synod/storage";
import { expect, test } from "vitest";
import { ConfigurationError } from "../src/configuration/problem.js";
import { ExitCode } from "../src/process/exit-code.js";
import { exitCodeOf, lastWords, ServiceFailure } from "../src/process/failure.js";

test.each([
  ["a wrong configuration", new ConfigurationError(["a", "b"]), 2],
  [
    "an address in use",
    new Error("No address added … errors: [listen EADDRINUSE: address already in use 127.0.0.1:1]"),
    3,
  ],
  ["an address of another machine", new Error("listen EADDRNOTAVAIL: address not available 192.0.2.1:1"), 2],
  ["no store", new StoreError("missing", "/data", "no store"), 4],
  ["a store where one was to be made", new StoreError("occupied", "/data", "a store"), 5],
  ["another member's store", new StoreError("foreign", "/data", "a2's"), 5],
  ["a store of another version", new StoreError("format", "/data", "format 9"), 5],
  ["a damaged store", new StoreError("damaged", "/data", "checksum"), 5],
  ["a store in use", new StoreError("owned", "/data", "by process 1"), 6],
  ["a failed fsync", new StoreError("failed", "/data", "fsync"), 7],
  [
    "a full disk, in the system's own words",
    Object.assign(new Error("no space left"), { code: "ENOSPC" }),
    7,
  ],
  ["a violated invariant", new InvariantViolation("two values"), 8],
  ["a known failure", new ServiceFailure(ExitCode.noStore, "none"), 4],
  ["a defect", new TypeError("x is not a function"), 1],
  ["something that is no error", undefined, 1],
])("%s ends the process with its own exit code", (_, error, code) => {
  expect(exitCodeOf(error)).toBe(code);
});

test("a defect is told as one, a known failure in its own words", () => {
  expect(lastWords(1, new TypeError("x is not a function"))).toMatch(
    /^ended by an unexpected error: x is not .*defect/,
  );
  expect(lastWords(4, new ServiceFailure(ExitCode.noStore, "no store in /data"))).toBe("no store in /data");
});
