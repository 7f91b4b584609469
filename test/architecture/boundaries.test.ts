import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
// @boundaries-ignore the check under test is one of the repository's scripts
import { problemsOf } from "../../scripts/architecture.mjs";

const planted: string[] = [];

afterEach(() => {
  for (const folder of planted.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A small tree with the project's shape in which every boundary holds, with some files put on top. */
function plant(files: Record<string, string> = {}): string {
  const root = mkdtempSync(path.join(tmpdir(), "synod-architecture-"));
  planted.push(root);
  const manifest = (name: string, ...dependencies: string[]) =>
    JSON.stringify({
      name: `@synod/${name}`,
      exports: { ".": "./dist/index.js" },
      dependencies: Object.fromEntries(dependencies.map((dependency) => [dependency, "*"])),
      devDependencies: { vitest: "4" },
    });
  const sound: Record<string, string> = {
    "packages/core/package.json": manifest("core"),
    "packages/core/src/index.ts": 'export * from "./ballot.js";',
    "packages/core/src/ballot.ts": "export const first = (message: { process: number }) => message.process;",
    "packages/wire/package.json": manifest("wire", "@synod/core", "@grpc/grpc-js"),
    "packages/wire/src/index.ts": 'import type { P1a } from "./gen/P1a.js"; export type Name = P1a;',
    "packages/wire/src/gen/P1a.ts": "export interface P1a { ballot: number }",
    "packages/storage/package.json": manifest("storage", "@synod/core"),
    "packages/storage/src/index.ts": 'import { first } from "@synod/core"; export const second = first;',
    "packages/node/package.json": manifest("node", "@synod/core", "@synod/storage", "@synod/wire"),
    "packages/node/src/index.ts":
      'import "node:fs"; import "@synod/wire"; export const now = () => Date.now();',
    "packages/simulator/package.json": manifest("simulator", "@synod/core"),
    "packages/simulator/src/index.ts": 'import "@synod/core";',
    "services/leader/package.json": manifest("service-leader", "@synod/node"),
    "services/leader/src/main.ts": 'import "@synod/node";',
    "services/leader/test/main.test.ts": 'import "vitest"; import "../src/main.js";',
    "services/replica/package.json": manifest("service-replica", "@synod/node"),
    "services/replica/src/index.ts": "export {};",
    "test/package.json": manifest("test", "@synod/core"),
    "test/paper/one.test.ts": 'import "@synod/core"; import "../support.js";',
    "test/support.ts": "export {};",
  };
  for (const [file, text] of Object.entries({ ...sound, ...files })) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  }
  return root;
}

test("every boundary holds in the sound tree the faults are planted in", () => {
  expect(problemsOf(plant())).toEqual([]);
});

/** Each fault, the file it stands in, its text, and what the one problem must say. */
const faults: [name: string, file: string, text: string, rule: string, message: RegExp][] = [
  ["core imports a Node module", "packages/core/src/a.ts", 'import "node:fs";', "core", /own files.*node:fs/],
  [
    "core imports a Node module by its old name",
    "packages/core/src/a.ts",
    'import "fs";',
    "core",
    /own files/,
  ],
  ["core imports a package", "packages/core/src/a.ts", 'import "zod";', "core", /own files/],
  ["core imports another package", "packages/core/src/a.ts", 'import "@synod/wire";', "core", /own files/],
  [
    "core's tests import another package",
    "packages/core/test/a.test.ts",
    'import "@synod/wire";',
    "direction",
    /core/,
  ],
  [
    "storage imports wire",
    "packages/storage/src/a.ts",
    'import "@synod/wire";',
    "direction",
    /packages\/wire/,
  ],
  [
    "wire imports node",
    "packages/wire/src/a.ts",
    'export * from "@synod/node";',
    "direction",
    /packages\/node/,
  ],
  [
    "what ships imports the simulator",
    "packages/node/src/a.ts",
    'import "@synod/simulator";',
    "direction",
    /simulator/,
  ],
  [
    "a library imports a service",
    "packages/node/src/a.ts",
    'import "@synod/service-leader";',
    "direction",
    /leader/,
  ],
  [
    "a service imports another",
    "services/leader/src/a.ts",
    'import "@synod/service-replica";',
    "services",
    /another/,
  ],
  [
    "a service imports another by path",
    "services/leader/src/a.ts",
    'import "../../replica/src/index.js";',
    "services",
    /another/,
  ],
  [
    "generated code imported by name",
    "packages/node/src/a.ts",
    'import type { P1a } from "@synod/wire/gen/P1a.js";',
    "generated",
    /only packages\/wire\/src/,
  ],
  [
    "generated code imported by path",
    "packages/node/src/a.ts",
    'import type { P1a } from "../../wire/src/gen/P1a.js";',
    "generated",
    /only packages\/wire\/src/,
  ],
  [
    "generated code imported by wire's tests",
    "packages/wire/test/a.test.ts",
    'import type { P1a } from "../src/gen/P1a.js";',
    "generated",
    /only packages\/wire\/src/,
  ],
  [
    "generated code imported by a cross test",
    "test/paper/a.test.ts",
    'import type { P1a } from "../../packages/wire/src/gen/P1a.js";',
    "generated",
    /only packages\/wire\/src/,
  ],
  [
    "a deep import",
    "packages/node/src/a.ts",
    'import "@synod/core/dist/ballot.js";',
    "exports",
    /reaches past/,
  ],
  [
    "a deep import of a type",
    "packages/node/src/a.ts",
    'type A = import("@synod/core/b").A;',
    "exports",
    /reaches past/,
  ],
  [
    "a path out of the package",
    "packages/node/src/a.ts",
    'import "../../core/src/ballot.js";',
    "exports",
    /leads out/,
  ],
  [
    "a dynamic path out",
    "packages/node/src/a.ts",
    'await import("../../core/src/index.js");',
    "exports",
    /leads out/,
  ],
  [
    "a source imports the tests",
    "packages/node/src/a.ts",
    'import "../../../test/support.js";',
    "test",
    /by nothing/,
  ],
  [
    "a source imports the tests by name",
    "packages/node/src/a.ts",
    'import "@synod/test";',
    "test",
    /by nothing/,
  ],
  [
    "a source imports its own tests",
    "packages/node/src/a.ts",
    'import "../test/b.js";',
    "test",
    /by nothing/,
  ],
  [
    "an undeclared package",
    "packages/node/src/a.ts",
    'import { z } from "zod";',
    "declared",
    /"zod" is not in/,
  ],
  [
    "a test tool in a source",
    "packages/node/src/a.ts",
    'import { expect } from "vitest";',
    "declared",
    /vitest/,
  ],
  [
    "a package nobody placed",
    "packages/odd/package.json",
    '{ "name": "@synod/odd" }',
    "direction",
    /has no place/,
  ],
  [
    "a dependency against the direction",
    "packages/storage/package.json",
    '{ "name": "@synod/storage", "exports": { ".": "" }, "dependencies": { "@synod/core": "*", "@synod/node": "*" } }',
    "direction",
    /must not depend on packages\/node/,
  ],
  [
    "core depends on a package",
    "packages/core/package.json",
    '{ "name": "@synod/core", "exports": { ".": "" }, "dependencies": { "lodash": "4" } }',
    "core",
    /depends on nothing/,
  ],
];

test.each(faults)("%s: is named", (_, file, text, rule, message) => {
  const problems = problemsOf(plant({ [file]: text }));
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatchObject({ rule, file, line: 1, message: expect.stringMatching(message) });
});

describe("core names nothing impure", () => {
  const impure: [text: string, named: string][] = [
    ["export const a = Date.now();", "Date"],
    ["export const a = new Date();", "Date"],
    ["export let a: Date;", "Date"],
    ["export const a = Math.random();", "Math.random"],
    ['export const a = Math["random"]();', "Math.random"],
    ["const { random } = Math;", "Math as a whole"],
    ["export const a = performance.now();", "performance"],
    ["export const a = process.env;", "process"],
    ["console.log(1);", "console"],
    ["setTimeout(() => 1, 1);", "setTimeout"],
    ["setInterval(() => 1, 1);", "setInterval"],
    ["queueMicrotask(() => 1);", "queueMicrotask"],
    ['fetch("x");', "fetch"],
    ["export const a = crypto.randomUUID();", "crypto"],
    ["require(name);", "require"],
    ["export const a = globalThis;", "globalThis"],
    ["export const a = { process };", "process"],
    ["export let a: Promise<void>;", "Promise"],
    ["export async function a() {}", "an async function"],
    ["export const a = import.meta;", "import.meta"],
    ['export const a = "x".localeCompare("y");', "localeCompare, which differs between machines"],
    ["export const a = new Intl.Collator();", "Intl"],
  ];

  test.each(impure)("%s", (text, named) => {
    const problems = problemsOf(plant({ "packages/core/src/a.ts": text }));
    expect(problems.map(({ rule }) => rule)).toEqual(["core"]);
    expect(problems[0]?.message).toContain(`core names ${named}; `);
  });

  test("a member, a comment or a string of that name is no mention", () => {
    const text =
      '// Date\nexport const a = (m: { fetch: string; process(): void }) => [m.fetch, m.process, "Date"];';
    expect(problemsOf(plant({ "packages/core/src/a.ts": text }))).toEqual([]);
  });

  test("other packages may name them", () => {
    expect(problemsOf(plant({ "packages/node/src/a.ts": "export const a = Date.now();" }))).toEqual([]);
  });
});
