import path from "node:path";
import { ConfigurationError } from "@synod/node";
import { expect, test } from "vitest";
import { acceptorConfiguration, initOptions } from "../src/config.js";

function problemsOf(read: () => unknown): readonly string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}

test("init takes a directory and a name, from flags or variables", () => {
  const environment = { SYNOD_ID: "a2", SYNOD_DATA: "elsewhere", SYNOD_LOG_LEVEL: "debug" };
  expect(initOptions(["--data", "a1"], environment)).toEqual({
    kind: "init",
    id: "a2",
    data: path.resolve("a1"),
  });
});

test("init names all that is missing or wrong at once", () => {
  expect(problemsOf(() => initOptions([], {}))).toEqual([
    "data: expected --data or SYNOD_DATA, found neither",
    "id: expected --id or SYNOD_ID, found neither",
  ]);
  expect(
    problemsOf(() => initOptions(["--id", "a/1", "--force", "x", "--data="], { SYNOD_STORE: "s" })),
  ).toEqual([
    expect.stringMatching(/^SYNOD_STORE: unknown variable; /),
    "--force: unknown flag; the flags are --data, --id",
    '--data: expected a value, found ""',
    "data: expected --data or SYNOD_DATA, found neither",
    '--id: expected a name (1 to 64 of A-Z a-z 0-9 . _ -, first a letter or digit), found "a/1"',
  ]);
});

test("the help tells of init, and init has a help of its own", () => {
  expect(acceptorConfiguration(["--help"], {})).toMatchObject({
    text: expect.stringContaining("synod-acceptor init --data DIR --id ID"),
  });
  expect(initOptions(["--help"], {})).toMatchObject({
    kind: "text",
    text: expect.stringContaining("--data DIR  SYNOD_DATA"),
  });
});
