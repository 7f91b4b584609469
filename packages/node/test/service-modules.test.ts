import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { NotDeterministic, type ReplicatedService } from "@synod/state-machine";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigurationError } from "../src/problem.js";
import { loadServiceModules, thrownByService } from "../src/service-modules.js";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "synod-modules-"));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function module(name: string, text: string): string {
  const file = path.join(directory, name);
  writeFileSync(file, text);
  return file;
}

function serviceModule(file: string, name = "bank.v1.Ledger", bind = "() => undefined"): string {
  return module(
    file,
    `export default { name: "${name}", version: 1, descriptors: new Uint8Array(), bind: ${bind} };`,
  );
}

async function problems(...paths: string[]): Promise<readonly string[]> {
  try {
    await loadServiceModules(paths);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as ConfigurationError).problems;
  }
  throw new Error("expected problems, found none");
}

describe("service modules", () => {
  it("are loaded in order, also when another copy of the package made them", async () => {
    const found = await loadServiceModules([
      serviceModule("a.mjs"),
      serviceModule("b.mjs", "bank.v1.Teller"),
    ]);
    expect(found.map(({ service }) => service.name)).toEqual(["bank.v1.Ledger", "bank.v1.Teller"]);
  });

  it("that are wrong are all named, each with what is wrong", async () => {
    mkdirSync(path.join(directory, "folder"));
    const first = serviceModule("first.mjs");
    const cases: [string, string | RegExp][] = [
      [path.join(directory, "none.mjs"), "expected a file, found none of this name"],
      [path.join(directory, "folder"), "found a directory"],
      [module("a.ts", "export default 1"), "compile it first (npx tsc) and give the a.js"],
      [path.join(directory, "absent.mts"), "give the absent.mjs"],
      [module("throws.mjs", 'throw new TypeError("no luck")'), "it cannot be loaded: TypeError: no luck"],
      [module("syntax.mjs", "export default {"), "it cannot be loaded: "],
      [module("import.mjs", 'import "nobody-has-this"'), "it cannot be loaded: "],
      [
        module("named.mjs", "export const ledger = 1"),
        "expected a default export, found none (it exports ledger)",
      ],
      [module("empty.mjs", ""), "found none (it exports nothing)"],
      [
        module("number.mjs", "export default 5"),
        "expected a replicated service as default export, found a number",
      ],
      [module("object.mjs", "export default { a: 1 }"), "found an object with a; the default export of"],
      [serviceModule("reserved.mjs", "synod.kv.v1.KeyValue"), "names that begin with synod. or grpc."],
      [
        serviceModule(
          "unfit.mjs",
          "bank.v1.Other",
          '() => { throw new TypeError("does not fit its proto") }',
        ),
        "does not fit its proto",
      ],
      [serviceModule("twice.mjs"), `bank.v1.Ledger is that of ${first} too`],
    ];
    const found = await problems(first, ...cases.map(([file]) => file));
    expect(found).toHaveLength(cases.length);
    cases.forEach(([file, expected], index) => {
      expect(found[index]).toContain(`service module ${file}: `);
      expect(found[index]).toContain(expected);
    });
  });
});

describe("what nobody handled", () => {
  it("is a service's when it comes from its module, or is what only handlers throw, and nobody else's", async () => {
    const thrower = path.join(directory, "thrower.mjs");
    writeFileSync(thrower, "export default () => new Error('by a handler');");
    const { default: thrown } = (await import(thrower)) as { default: () => Error };
    const modules = [{ path: path.join(directory, "ledger.mjs"), service: {} as ReplicatedService }];
    expect(thrownByService(modules, thrown())).toBe(true);
    expect(thrownByService(modules, new NotDeterministic("Date.now()", "context.time"))).toBe(true);
    expect(thrownByService(modules, "words")).toBe(true);
    expect(thrownByService(modules, new Error("by Synod"))).toBe(false);
    expect(thrownByService([], "words")).toBe(false);
  });
});
