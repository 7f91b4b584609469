import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { loadServices } from "@synod/wire";
import { describe, expect, it } from "vitest";
import { SeededBytes } from "../src/engine/seeded.js";
import type { ByteTransaction } from "../src/engine/transaction.js";
import {
  commandLimits,
  Exhausted,
  loadInRealm,
  type ReplicatedService,
  realmFingerprint,
  Status,
} from "../src/index.js";
import { instrument } from "../src/realm/instrument.js";
import { Realm } from "../src/realm/realm.js";
import { during } from "../src/realm/running.js";
import { told } from "../src/realm/traces.js";
import { CallFailed, run } from "../src/testing/index.js";
import { ledgerService } from "./ledger.js";
import { serviceOf, World } from "./support.js";

const timeMs = 1_600_000_000_000;
const momentOf = (seed: string) => ({ timeMs, chance: new SeededBytes(() => Buffer.from(seed)) });
const realm = () => new Realm({ constants: {}, services: {} });
const shared = realm();

/** What an expression gives in a command, as text, or what it throws. */
function inCommand(expression: string, seed = "seed", where = shared): string {
  try {
    return String(during(momentOf(seed), () => where.evaluate(expression)));
  } catch (error) {
    return String(error);
  }
}

describe("in a realm", () => {
  it.each([
    ["Date.now()", String(timeMs)],
    ["new Date().toISOString()", "2020-09-13T12:26:40.000Z"],
    ["Date()", "Sun Sep 13 2020 12:26:40 GMT+0000 (Coordinated Universal Time)"],
    ["new Date(2020, 5, 15, 12).toISOString()", "2020-06-15T12:00:00.000Z"],
    ["new Date(0).getHours() + new Date(0).getTimezoneOffset()", "0"],
    ["Date.parse('2020-06-15T12:00')", String(Date.UTC(2020, 5, 15, 12))],
    ["Date.parse('Jun 15 2020 12:00')", String(Date.UTC(2020, 5, 15, 12))],
    ["Date.parse('Jun 15 2020 12:00 GMT+0200')", String(Date.UTC(2020, 5, 15, 10))],
    ["Date.parse('2020-06-15')", String(Date.UTC(2020, 5, 15))],
    ["new Date(new Date(0).setHours(5)).toISOString()", "1970-01-01T05:00:00.000Z"],
    ["String(new Date(NaN)) + new Date(NaN).getTimezoneOffset()", "Invalid DateNaN"],
    ["new (class extends Date {})(5).getTime()", "5"],
    ["'a'.localeCompare('B') + 'i'.toLocaleUpperCase('tr')", "1I"],
    ["new Error('x').stack", "Error: x"],
    ["2 ** 0.5 === Math.pow(2, 0.5)", "true"],
    ["Math.pow(2n, 64n)", String(2n ** 64n)],
    [
      "[Math.pow(-2, 3), Math.pow(-8, 1 / 3), Math.pow(1, Infinity), 1 / Math.pow(-0, -3)].join()",
      "-8,NaN,NaN,0",
    ],
    [
      "((v) => (v.setFloat64(0, -NaN), v.getUint32(0)))(new DataView(new ArrayBuffer(8)))",
      String(0x7ff80000),
    ],
    ["typeof WeakRef + typeof SharedArrayBuffer + typeof process", "undefinedundefinedundefined"],
    ["'union' in Set.prototype || '$1' in RegExp || 'groupBy' in Object", "false"],
    ["new TextDecoder().decode(new TextEncoder().encode('hé€'))", "hé€"],
    ["atob(btoa('abc')) + new URL('../x?y', 'http://h:1/a/b').href", "abchttp://h:1/x?y"],
    ["JSON.stringify(structuredClone({ a: [1, new Date(5)] }))", '{"a":[1,"1970-01-01T00:00:00.005Z"]}'],
  ])("%s is %s on every machine", (expression, expected) => {
    expect(inCommand(expression)).toBe(expected);
  });

  it.each([
    ["new Date(0).toLocaleString()", "toISOString()"],
    ["(1.5).toLocaleString()", "toFixed()"],
    ["new Intl.DateTimeFormat()", "a format of your own"],
    ["performance.now()", "context.time"],
    ["setTimeout(() => {})", "context.schedule"],
    ["queueMicrotask(() => {})", "context.schedule"],
    ["fetch('http://127.0.0.1:1')", "a request that carries"],
    ["new Function('return 1')", "Code generation from strings disallowed"],
    ["process.pid", "process is not defined in a handler: expected a request that carries"],
    ["new WeakRef({})", "WeakRef is not defined in a handler: expected a Map or a table"],
  ])("%s throws, and says what to do instead", (expression, instead) => {
    let thrown: unknown;
    try {
      during(momentOf("seed"), () => shared.evaluate(expression));
    } catch (error) {
      thrown = told(error);
    }
    expect(String(thrown)).toContain(instead);
  });

  it.each(["Math.random()", "crypto.randomUUID()", "crypto.getRandomValues(new Uint8Array(40)).join()"])(
    "%s is the command's, the same in every process, and throws where there is no command",
    (expression) => {
      const first = inCommand(expression);
      expect(inCommand(expression, "seed", realm())).toBe(first);
      expect(inCommand(expression, "another")).not.toBe(first);
      expect(() => shared.evaluate(expression)).toThrow("context.random()");
    },
  );

  it("the clock throws where there is no command, be it after one that threw", () => {
    expect(inCommand("null.field")).toMatch(/^TypeError/);
    for (const expression of ["Date.now()", "new Date()", "Date()"])
      expect(() => shared.evaluate(expression)).toThrow("context.time");
  });

  it("clock and chance are the command's to its end, whatever it reads and writes before", () => {
    const row = Buffer.from("row");
    const looks = () => [shared.evaluate("Date.now()"), typeof shared.evaluate("Math.random()")];
    const execute = (tx: ByteTransaction) => {
      const steps = [() => tx.get(row), () => tx.put(row, row), () => [...tx.range()], () => tx.delete(row)];
      return { looks: steps.map((step) => [step(), looks()].at(-1)) };
    };
    const world = new World([serviceOf({ kind: "command", execute })]);
    expect(world.call("test.v1.Test", "Do", {})).toEqual({ looks: Array(4).fill([1, "number"]) });
  });

  it("nothing that it offers can be exchanged for later commands", () => {
    for (const name of ["Math.random", "Math.pow", "Date", "crypto", "Date.now"])
      expect(inCommand(`(() => { "use strict"; ${name} = 1; })()`)).toMatch(/TypeError: Cannot assign/);
  });

  it("powers are within one unit in the last place, and of one kind everywhere", () => {
    // Computed with 50 digits.
    const known: [number, number, number][] = [
      [1.06, 2.5, 1.1568170026412996],
      [10.66961046696752, -1.4056665438950722, 0.035872856573177854],
      [1.0000000365894386, 842876981.7828685, 24763576493113.332],
      [1.0557348221359597, 677.4728315200839, 9073368168263934],
      [4.460041742073728, 16.02312287320685, 25376829111.279922],
    ];
    for (const [base, exponent, expected] of known) {
      const found = Number(inCommand(`Math.pow(${base}, ${exponent})`));
      expect(Math.abs(found / expected - 1)).toBeLessThan(2.3e-16);
    }
  });

  it("has one fingerprint, whatever the zone and locale of the process", () => {
    const before = process.env.TZ;
    process.env.TZ = "Asia/Kolkata";
    // What every supported version of Node gives: another one means that a version computes something else.
    expect(realmFingerprint()).toMatch(/^[0-9a-f]{64}$/);
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
    expect(realmFingerprint()).toHaveLength(64);
  });
});

const options = { loader: loadServices };
const fixture = (name: string) => {
  const file = fileURLToPath(new URL(`fixture/realm/${name}.mjs`, import.meta.url));
  return loadInRealm(file).default as ReplicatedService<
    Record<string, { request: object; response: object }>
  >;
};

describe("a handler in a realm", () => {
  const greedy = fixture("greedy");

  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])(
    "that uses up the process has no answer, whatever it catches: way %i",
    (operand) => {
      const service = run(greedy, options);
      service.call("Multiply", {});
      let thrown: unknown;
      try {
        service.call("Add", { operand });
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(Exhausted);
      expect(thrown).toMatchObject({ slot: 3, index: 0, service: greedy.name, method: "Add" });
    },
  );

  it("meets nothing of the process: neither in what it is given nor in what it catches", () => {
    expect(run(greedy, options).call("Subtract", {})).toEqual({ value: "-1" });
  });

  it("forgets what its module kept when it is restarted, as a replica does", () => {
    const service = run(greedy, options);
    const count = () => service.call("Multiply", {});
    expect([count(), count()]).toEqual([{ value: "1" }, { value: "2" }]);
    service.restart();
    expect(count()).toEqual({ value: "1" });
    expect(run(greedy, options).call("Multiply", {})).toEqual({ value: "1" });
  });

  it("finds the constants of the package that definitions name: status codes and limits", () => {
    const file = fileURLToPath(new URL("fixture/realm/constants.mjs", import.meta.url));
    expect(loadInRealm(file)).toEqual({ commandLimits, Status });
  });

  it("is the one that the imported module defines, under the digest of its code", () => {
    const ledger = run(ledgerService, options);
    try {
      ledger.call("Transfer", { from: "a", to: "b", amount: 1 });
    } catch (error) {
      expect(error).toBeInstanceOf(CallFailed);
      expect((error as CallFailed).reason).toContain("a lacks 1");
    }
    expect(greedy.build).toMatch(/^[0-9a-f]{64}$/);
    // Wherever it lies, and with whatever packages beside it.
    const elsewhere = mkdtempSync(path.join(tmpdir(), "synod-realm-"));
    const copy = path.join(elsewhere, "greedy.mjs");
    copyFileSync(fileURLToPath(new URL("fixture/realm/greedy.mjs", import.meta.url)), copy);
    const { default: copied } = loadInRealm(copy) as { default: ReplicatedService };
    rmSync(elsewhere, { recursive: true });
    expect(copied.build).toBe(greedy.build);
  });
});

describe("a bundle", () => {
  it("reports what each catch and finally sees before anything else, line by line as it was", () => {
    const code = [
      "try { a() } catch { b() }",
      "try { a() } catch (e) { b(e) }",
      "try { a() } catch ({ message: m }) {",
      "  b(m) }",
      "try { a() } finally { b(__synodUrl) }",
      "async function f() { a() }",
      "g(async (x) => a(x))",
      "new P((x) => { a(x) })",
    ].join("\n");
    expect(instrument(code, (line, column) => `at ${line}:${column}`)).toBe(
      [
        "try { a() } catch(__synodError) {__synodCaught(__synodError); b() }",
        "try { a() } catch (e) {__synodCaught(e); b(e) }",
        "try { a() } catch (__synodError) {__synodCaught(__synodError);let { message: m }=__synodError;",
        "  b(m) }",
        'try { a() }catch(__synodError){__synodCaught(__synodError);throw __synodError} finally { b("at 5:24") }',
        "async function f() {try{ a() }catch(__synodError){__synodCaught(__synodError);throw __synodError}}",
        "g(async (x) =>{try{return ( a(x))}catch(__synodError){__synodCaught(__synodError);throw __synodError}})",
        "new P((x) => {try{ a(x) }catch(__synodError){__synodCaught(__synodError);throw __synodError}})",
      ].join("\n"),
    );
  });

  it("stays a program that does the same, however functions stand within each other", async () => {
    const code = "async (x) => async (y) => ({ sum: x + y, more: await new Promise((z) => z({ x })) })";
    const changed = instrument(`(${code})`, () => "");
    const make = new Function("__synodCaught", `return ${changed}`) as (caught: () => void) => Nested;
    expect(await (await make(() => {})(1))(2)).toEqual({ sum: 3, more: { x: 1 } });
  });
});

type Nested = (x: number) => Promise<(y: number) => Promise<object>>;
