import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { loadInRealm, type ReplicatedService } from "@synod/state-machine";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigurationError } from "../src/configuration/problem.js";
import { loadServiceModules, thrownByService } from "../src/configuration/service-modules.js";

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

/** A field of a descriptor: a text, or a message that is shorter than 128 bytes. */
function field(number: number, content: string | readonly number[]): number[] {
  const bytes = [...(typeof content === "string" ? Buffer.from(content) : content)];
  return [(number << 3) | 2, bytes.length, ...bytes];
}

/** A module with a service that has no methods. `described`: what its descriptors call it. */
function serviceModule(file: string, name = "bank.v1.Ledger", described = name): string {
  const [last = ""] = described.split(".").slice(-1);
  const folder = described.slice(0, -last.length - 1);
  const service = field(6, field(1, last));
  const set = field(1, [...field(1, "a.proto"), ...field(2, folder), ...service, ...field(12, "proto3")]);
  return module(
    file,
    `import { replicatedService } from "@synod/state-machine";
    const descriptors = Uint8Array.of(${set.join(", ")});
    export default replicatedService({ descriptors, service: "${name}" }).define({
      version: 1, errors: {}, commands: {}, queries: {},
    });`,
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
  it("are loaded in order, wherever they lie", async () => {
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
      [
        module("import.mjs", 'import "nobody-has-this"'),
        'it cannot be loaded: Could not resolve "nobody-has-this"',
      ],
      [
        module("builtin.mjs", 'import net from "node:net"; export default net'),
        'imports "node:net", which handlers',
      ],
      [module("await.mjs", "export default await 1"), "it uses await at its top level"],
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
        serviceModule("unfit.mjs", "bank.v1.Other", "bank.v1.Ledger"),
        "expected it in its descriptor set, found bank.v1.Ledger",
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
  it("is a service's when it comes from a realm, and nobody else's", () => {
    const thrower = module("thrower.mjs", "export const thrown = () => new Error('by a handler');");
    const { thrown } = loadInRealm(thrower) as { thrown: () => unknown };
    const modules = [{ path: path.join(directory, "ledger.mjs"), service: {} as ReplicatedService }];
    expect(thrownByService(modules, thrown())).toBe(true);
    expect(thrownByService(modules, "words")).toBe(true);
    expect(thrownByService(modules, new Error("by Synod"))).toBe(false);
    expect(thrownByService([], "words")).toBe(false);
  });
});
