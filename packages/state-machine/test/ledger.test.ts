import { loadServices } from "@synod/wire";
import { describe, expect, it } from "vitest";
import { Status } from "../src/definition/status.js";
import { replicatedService, timeLimits } from "../src/index.js";
import { descriptors, ledgerService } from "./ledger.js";
import { bound, rowsOf, World } from "./support.js";

const name = "bank.v1.Ledger";
const described = loadServices(descriptors);
const fill = { from: "bank", to: "a", amount: "100" };

function ledgerWorld(): World {
  const world = new World([bound(ledgerService)]);
  world.call(name, "Transfer", fill);
  return world;
}

function balance(world: World, account: string): string {
  return world.call(name, "Balance", { account }).balance;
}

describe("a service written with replicatedService", () => {
  it("reads and writes its typed tables, and sees its own writes", () => {
    const world = ledgerWorld();
    expect(world.call(name, "Transfer", { from: "a", to: "b", amount: "30" })).toEqual({ balance: "70" });
    expect([balance(world, "a"), balance(world, "b"), balance(world, "nobody")]).toEqual(["70", "30", "0"]);
    expect(world.errors).toEqual([]);
  });

  it("answers a declared error with code, text and the detail as google.rpc.Status, and changes nothing", () => {
    const world = ledgerWorld();
    const command = world.command(name, "Transfer", { from: "a", to: "b", amount: "101" });
    const before = rowsOf(world.map);
    const answer = world.apply(command);
    expect(answer).toMatchObject({ status: Status.failedPrecondition, message: "a lacks 1" });
    const missing = described.message("bank.v1.InsufficientFunds").encode({ missing: "1" });
    const details = Buffer.from(answer.details ?? []);
    expect(details.toString("latin1")).toContain("type.googleapis.com/bank.v1.InsufficientFunds");
    expect(details.subarray(-missing.length).equals(Buffer.from(missing))).toBe(true);
    expect([details[0], details[1]]).toEqual([0x08, Status.failedPrecondition]);
    expect([balance(world, "a"), balance(world, "b")]).toEqual(["100", "0"]);
    expect(
      world.apply(world.command(name, "Transfer", { from: "b", to: "c", amount: "1" })).details,
    ).toBeDefined();
    expect(rowsOf(world.map)).not.toEqual(before);
  });

  it("keeps the detail for a repeat, also after a restart", () => {
    const world = ledgerWorld();
    const command = world.command(name, "Transfer", { from: "a", to: "b", amount: "101" });
    const { details } = world.apply(command);
    world.engine = world.engineOver(world.map);
    const repeat = world.apply(command);
    expect(repeat).toMatchObject({ repeated: true, status: Status.failedPrecondition });
    expect(Buffer.from(repeat.details ?? []).equals(Buffer.from(details ?? []))).toBe(true);
  });

  it("answers a watch with UNIMPLEMENTED and says why", () => {
    const world = ledgerWorld();
    expect(world.engine.validate(name, "Watch", new Uint8Array(0))).toMatchObject({
      status: Status.unimplemented,
      message: expect.stringContaining("watch"),
    });
  });

  it("gets the same random numbers and uuids on every replica, others in each command", () => {
    const worlds = [ledgerWorld(), ledgerWorld()];
    const order = { transfer: fill, afterMs: "5000" };
    const answers = worlds.map((world) => [1, 2].map(() => world.call(name, "StandingOrder", order)));
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]?.[0].reference).not.toBe(answers[0]?.[1].reference);
    expect(answers[0]?.[0].reference).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12} 0\.\d+$/,
    );
  });
});

describe("a scheduled command", () => {
  const order = (afterMs: string, id = "", amount = "1") => ({
    transfer: { from: "a", to: "b", amount },
    afterMs,
    id,
  });

  it("runs once, when log time has reached its moment, and not before", () => {
    const world = ledgerWorld();
    world.call(name, "StandingOrder", order("5000"));
    expect(world.engine.nextDue.resumeMs).toBe(world.engine.logTimeMs + 5000);
    world.advance(4999);
    expect(balance(world, "b")).toBe("0");
    world.advance(1);
    expect(balance(world, "b")).toBe("1");
    world.advance(10_000);
    expect(balance(world, "b")).toBe("1");
    expect(world.engine.nextDue.resumeMs).toBeUndefined();
  });

  it("runs at the end of the slot that reaches it: after the batch, in the order of moment and place", () => {
    const world = ledgerWorld();
    world.call(name, "StandingOrder", order("100", "", "60"));
    world.call(name, "StandingOrder", order("100", "", "50"));
    const [last] = world.batch(
      [world.command(name, "Transfer", { from: "a", to: "c", amount: "10" })],
      world.engine.logTimeMs + 150,
    );
    expect(last?.status).toBe(0);
    // 90 were left: the first order took 60, the second found too little and changed nothing.
    expect([balance(world, "a"), balance(world, "b")]).toEqual(["30", "60"]);
  });

  it("does not run in a slot whose batch is skipped, but in the next (rule 33)", () => {
    const world = ledgerWorld();
    world.call(name, "StandingOrder", order("100"));
    const slot = world.engine.appliedSlot + 1;
    const logTimeMs = world.engine.logTimeMs + 150;
    world.engine.apply(slot, { kind: "batch", commands: [], logTimeMs }, [
      { slot, number: 1, skip: "batch" },
    ]);
    // Asked in the next slot, before what is due runs at its end.
    expect(balance(world, "b")).toBe("0");
    expect(balance(world, "b")).toBe("1");
  });

  it("is moved by another one under its id, and taken back by unschedule", () => {
    const world = ledgerWorld();
    world.call(name, "StandingOrder", order("1000", "rent"));
    world.call(name, "StandingOrder", order("3000", "rent", "2"));
    world.advance(2000);
    expect(balance(world, "b")).toBe("0");
    world.advance(1000);
    expect(balance(world, "b")).toBe("2");
    world.call(name, "StandingOrder", order("1000", "rent"));
    world.call(name, "StandingOrder", { id: "rent" });
    expect(world.engine.nextDue.resumeMs).toBeUndefined();
    world.advance(2000);
    expect(balance(world, "b")).toBe("2");
  });

  it("waits through restarts", () => {
    const world = ledgerWorld();
    world.call(name, "StandingOrder", order("1000"));
    world.advance(400);
    const { nextDue, logTime, hash } = world.engine;
    world.engine = world.engineOver(world.map);
    expect(world.engine).toMatchObject({ nextDue, logTime, hash });
    world.advance(600);
    expect(balance(world, "b")).toBe("1");
  });

  it("does not run sooner because hours had passed for proposers that had not seen it", () => {
    const world = ledgerWorld();
    const { appliedSlot, logTimeMs: before } = world.engine;
    const inFlight = (logTimeMs: number) =>
      world.engine.apply(world.engine.appliedSlot + 1, {
        kind: "batch",
        commands: [],
        logTimeMs,
        appliedSlot,
        appliedLogTimeMs: before,
      });
    world.call(name, "StandingOrder", order("5000"));
    for (const saidMs of [3_600_000, -3_600_000, 3_700_000]) inFlight(before + saidMs);
    expect(world.engine.logTimeMs).toBe(before + timeLimits.maxStepMs);
    expect(balance(world, "b")).toBe("0");
    world.batch([], before + 3_600_000);
    expect(world.engine.logTimeMs).toBe(before + 3_600_000);
    expect(balance(world, "b")).toBe("1");
  });
});

it("a replica that knew of no log time says where log time begins, and nothing where it has begun", () => {
  const world = ledgerWorld();
  const apply = (logTimeMs: number, beginsLogTime: boolean) =>
    world.engine.apply(world.engine.appliedSlot + 1, {
      kind: "batch",
      commands: [],
      logTimeMs,
      beginsLogTime,
    });
  apply(50_000, true);
  const before = world.engine.logTimeMs;
  // Several of a replica with a new disk, all proposed before it had applied anything.
  for (const aheadMs of [3_600_000, 3_600_000, 150]) apply(before + aheadMs, true);
  expect(world.engine.logTimeMs).toBe(before);
  apply(before + 150, false);
  expect(world.engine.logTimeMs).toBe(before + 150);
});

describe("a definition that does not fit its proto", () => {
  interface AnyBuilder {
    table(...parameters: readonly unknown[]): unknown;
    define(definition: object): { bind(loader: unknown): { name: string } };
  }
  /** For mistakes that the compiler would refuse. */
  const anything = (service = name) =>
    (replicatedService as unknown as (options: object) => AnyBuilder)({ descriptors, service });
  const Transfer = () => ({});
  const Balance = () => ({});
  const sound = {
    version: 1,
    errors: {},
    commands: { Transfer, StandingOrder: Transfer },
    queries: { Balance },
    watches: { Watch: { range: () => [], event: () => ({}) } },
  };
  const binding = (definition: object, service?: string) => () =>
    anything(service)
      .define({ ...sound, ...definition })
      .bind(loadServices);

  it.each([
    [
      "a method in none",
      { queries: {} },
      /method Balance: expected it in one of .* found it in none.*queries/,
    ],
    [
      "a method in two",
      { queries: { Balance, Transfer } },
      /method Transfer: .* found it in commands and queries/,
    ],
    [
      "a stranger",
      { commands: { ...sound.commands, Pay: Transfer } },
      /commands\.Pay: the proto has no such method/,
    ],
    [
      "a query that the proto does not declare free of side effects",
      { commands: { StandingOrder: Transfer }, queries: { Balance, Transfer } },
      /method Transfer: found it in queries.*NO_SIDE_EFFECTS/,
    ],
    [
      "a command that the proto declares free of side effects",
      { commands: { ...sound.commands, Balance }, queries: {} },
      /method Balance: found it in commands.*NO_SIDE_EFFECTS/,
    ],
    [
      "a stream as a query",
      { queries: { Balance, Watch: Balance }, watches: {} },
      /method Watch: found it in queries, but it streams responses/,
    ],
    ["an async handler", { queries: { Balance: async () => ({}) } }, /queries\.Balance.*AsyncFunction/],
    [
      "a handler that is none",
      { queries: { Balance: 5 } },
      /queries\.Balance: expected a function, found number/,
    ],
    ["a watch without event", { watches: { Watch: { range: () => [] } } }, /watches\.Watch\.event/],
    [
      "an unknown detail",
      { errors: { E: { code: 9, detail: "bank.v1.No" } } },
      /errors\.E\.detail.*bank\.v1\.No/,
    ],
    ["an unknown code", { errors: { E: { code: 17 } } }, /errors\.E\.code/],
    ["version 0", { version: 0 }, /version/],
  ])("is refused when it loads, with a text that names it: %s", (_what, definition, expected) => {
    expect(binding(definition)).toThrow(expected);
  });

  it("is refused when it streams requests", () => {
    expect(binding({ commands: {}, queries: {}, watches: {} }, "stream.v1.Importer")).toThrow(
      /method Import streams requests, which cannot be replicated/,
    );
  });

  it("is refused with all problems at once, and not when it fits", () => {
    expect(binding({ queries: {}, errors: { E: { code: 0 } } })).toThrow(/Balance[\s\S]*errors\.E\.code/);
    expect(binding({})().name).toBe(name);
  });

  it("is refused with unsound tables", () => {
    const builder = anything();
    builder.table("a b", ["string"], "bank.v1.Account");
    builder.table("twice", ["number"], "bank.v1.Account");
    builder.table("twice", ["string"], "bank.v1.Nothing");
    const expected = /"a b"[\s\S]*"number"[\s\S]*found it twice[\s\S]*bank\.v1\.Nothing/;
    expect(() => builder.define(sound).bind(loadServices)).toThrow(expected);
  });
});
