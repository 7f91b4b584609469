import { loadServices } from "@synod/wire";
import { describe, expect, it } from "vitest";
import { Status } from "../src/definition/status.js";
import { calculatorService, lockService, replicatedService } from "../src/index.js";
import { CallFailed, run } from "../src/testing/index.js";
import { ledgerService } from "./ledger.js";

const loader = loadServices;

describe("a service run in memory", () => {
  it("answers typed calls, and keeps its state through a restart", () => {
    const calculator = run(calculatorService, { loader });
    const { value } = calculator.call("Add", { operand: 7 });
    expect(value satisfies string).toBe("7");
    calculator.restart();
    expect(calculator.call("Value", {})).toEqual({ value: "7" });
  });

  it("throws a declared error with its code and detail, and the cause of one that is not declared", () => {
    const ledger = run(ledgerService, { loader });
    const failing = () => ledger.call("Transfer", { from: "a", to: "b", amount: 1 });
    expect(failing).toThrow(CallFailed);
    expect(failing).toThrow("a lacks 1");
    try {
      failing();
    } catch (error) {
      expect((error as CallFailed).code).toBe(Status.failedPrecondition);
      expect((error as CallFailed).details).toBeDefined();
    }
  });

  it("tells in the message what was thrown that is not declared", () => {
    const { descriptors, name } = calculatorService;
    // biome-ignore lint/suspicious/noExplicitAny: the mistake is one that the compiler would find
    const misspelt = (replicatedService as any)({ descriptors, service: name }).define({
      version: 1,
      errors: {},
      commands: { Add: () => ({ valu: 1 }), Subtract: () => ({}), Multiply: () => ({}) },
      queries: { Value: () => ({}) },
    }) as typeof calculatorService;
    const calculator = run(misspelt, { loader, sharedRealm: true });
    expect(() => calculator.call("Add", { operand: 1 })).toThrow(
      /^Add failed in a way it does not declare: .*valu: expected a field of/,
    );
  });

  it("lets time pass while nobody asks anything: what is due runs at its time, and the next command sees the time", () => {
    const lock = run(lockService, { loader, startMs: 5_000 });
    lock.call("Acquire", { name: "l", owner: "a", ttlMs: 3_000, wait: true });
    lock.idle(3_199);
    expect(lock.call("Get", { name: "l" })).toMatchObject({ held: true, owner: "a", expiresAtMs: "8200" });
    lock.call("Acquire", { name: "l", owner: "b", ttlMs: 3_000, wait: true });
    lock.idle(60_000);
    expect(lock.time).toEqual(new Date(68_199));
    expect(lock.call("Get", { name: "l" }).held).toBe(false);
    // The second began to hold when the first had ended, and a third holds from the last moment on.
    expect(lock.call("Acquire", { name: "l", owner: "c", ttlMs: 3_000 }).expiresAtMs).toBe("71399");
  });

  it("lets a standstill pass, in which a lock's time does not", () => {
    const lock = run(lockService, { loader, startMs: 5_000 });
    lock.call("Acquire", { name: "l", owner: "a", ttlMs: 3_000 });
    lock.standstill(3_600_000);
    lock.idle(3_199);
    expect(lock.call("Get", { name: "l" }).held).toBe(true);
    lock.idle(1);
    expect(lock.call("Get", { name: "l" }).held).toBe(false);
  });

  it("does not compile with a method, request or response that the proto does not have", () => {
    const calculator = run(calculatorService, { loader });
    const misuses = [
      // @ts-expect-error no such method
      () => calculator.call("Divide", {}),
      // @ts-expect-error no such field
      () => calculator.call("Add", { number: 1 }),
      // @ts-expect-error no such field in the response
      () => calculator.call("Add", { operand: 1 }).number,
    ];
    expect(misuses).toHaveLength(3);
  });
});

describe("a determinism test", () => {
  type Testing = typeof import("../src/testing/index.js");
  /** It starts processes, so it runs compiled. */
  const built = () => import(new URL("../dist/testing/index.js", import.meta.url).href) as Promise<Testing>;
  const check = async (name: string) => {
    const { checkDeterminism } = await built();
    const module = new URL(`fixture/determinism/${name}.mjs`, import.meta.url).href;
    const add = { method: "Add", request: { operand: "1000" } };
    // Compiled too: a process of its own has nobody who would compile it.
    const loader = new URL("../../wire/dist/index.js", import.meta.url).href;
    const steps = [add, { idleMs: 500 }, add, { method: "Value", request: {} }];
    await checkDeterminism({ module, steps, loader });
  };

  it("finds nothing in a service that uses its context", async () => {
    await check("sound");
  });

  it.each(["clock", "time-zone"])("finds nothing where a realm has one answer: %s", async (name) => {
    await check(name);
  });

  it.each([
    ["locale", /step 1: Add failed .*toLocaleString\(\).*toFixed\(\)/],
    ["load-time", /Date\.now\(\) .*while its module was loaded.*context\.time/],
    ["module-variable", /step 3 \(Add [\s\S]*variable of the module/],
  ])("names what is wrong, and the first step that differs: %s", async (name, expected) => {
    await expect(check(name)).rejects.toThrow(expected);
  });
});
