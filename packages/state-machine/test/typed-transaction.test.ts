import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KeyCodec } from "../src/definition/key.js";
import { Status } from "../src/definition/status.js";
import {
  type CommandContext,
  commandLimits,
  type KeyPart,
  type ReadTransaction,
  replicatedService,
  type Transaction,
} from "../src/index.js";
import type { Write } from "./fixture/gen/types.js";
import { descriptors } from "./ledger.js";
import { bound, World } from "./support.js";

const builder = () => replicatedService({ descriptors, service: "bank.v1.Ledger" });
type Builder = ReturnType<typeof builder>;

/** A world with one command that does this, and the service's version. */
function serviceOf(
  ledger: Builder,
  execute: (
    tx: Transaction,
    context: CommandContext<Record<never, never>, { Transfer: Write<"bank.v1.TransferRequest"> }>,
  ) => unknown,
  { version = 1, query = (_tx: ReadTransaction): unknown => undefined } = {},
) {
  const Transfer = (tx: Transaction, _request: unknown, context: object) => {
    execute(tx, context as Parameters<typeof execute>[1]);
    return {};
  };
  return ledger.define({
    version,
    errors: {},
    commands: { Transfer, StandingOrder: () => ({}) },
    queries: {
      Balance(tx) {
        query(tx);
        return {};
      },
    },
    watches: { Watch: { range: () => [accounts], event: () => ({}) } },
  });
}
const shared = builder();
const accounts = shared.table("accounts", ["string"], "bank.v1.Account");
const entries = shared.table("entries", ["string", "int64"], "bank.v1.Entry");

function run(execute: Parameters<typeof serviceOf>[1]): {
  world: World;
  answer: { status?: number; message?: string };
} {
  const world = new World([bound(serviceOf(shared, execute))]);
  return { world, answer: world.call("bank.v1.Ledger", "Transfer", {}) };
}

describe("typed keys", () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom("\0", "a", "\x01", "é", "🐌") }));
  const bytes = fc.uint8Array({ maxLength: 6 });
  const int64 = fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n);
  const key = fc.tuple(text, int64, bytes, text);
  const codec = new KeyCodec("table", ["string", "int64", "bytes", "string"]);

  function compareParts(a: readonly KeyPart[], b: readonly KeyPart[]): number {
    for (const [index, left] of a.entries()) {
      const right = b[index] as KeyPart;
      const order =
        typeof left === "bigint"
          ? Number(left > (right as bigint)) - Number(left < (right as bigint))
          : Buffer.compare(Buffer.from(left as string), Buffer.from(right as string));
      if (order !== 0) return order;
    }
    return 0;
  }

  it("are read as they were written, whatever they hold", () => {
    fc.assert(
      fc.property(key, (parts) => {
        expect(codec.decode(codec.encode(parts))).toEqual(parts);
      }),
    );
  });

  it("sort as their parts do", () => {
    fc.assert(
      fc.property(key, key, fc.nat(3), (a, b, same) => {
        const other = [...a.slice(0, same), ...b.slice(same)];
        const order = Buffer.compare(codec.encode(a), codec.encode(other));
        expect(Math.sign(order)).toBe(Math.sign(compareParts(a, other)));
      }),
    );
  });
});

describe("a typed transaction", () => {
  const amounts = (rows: Iterable<readonly [readonly KeyPart[], { amount: string }]>) =>
    [...rows].map(([key, { amount }]) => `${key.join("/")}=${amount}`);

  it("gives rows by prefix, beginning, bounds, pages and order", () => {
    const seen: Record<string, string[]> = {};
    run((tx) => {
      for (const owner of ["a", "ab", "b"])
        for (const number of [-5n, 0n, 7n]) tx.put(entries, [owner, number], { amount: String(number) });
      seen.all = amounts(tx.range(entries));
      seen.prefix = amounts(tx.range(entries, { prefix: ["a"] }));
      seen.whole = amounts(tx.range(entries, { prefix: ["a", 0n] }));
      seen.begins = amounts(tx.range(entries, { beginsWith: "a", limit: 4 }));
      seen.after = amounts(tx.range(entries, { prefix: ["a"], after: ["a", -5n] }));
      seen.back = amounts(tx.range(entries, { prefix: ["ab"], after: ["ab", 7n], reverse: true }));
      seen.bounds = amounts(tx.range(entries, { from: ["a", 0n], until: ["ab", 0n] }));
      tx.delete(entries, "a", 0n);
      seen.deleted = amounts(tx.range(entries, { prefix: ["a"] }));
    });
    expect(seen.all).toHaveLength(9);
    expect(seen).toMatchObject({
      prefix: ["a/-5=-5", "a/0=0", "a/7=7"],
      whole: ["a/0=0"],
      begins: ["a/-5=-5", "a/0=0", "a/7=7", "ab/-5=-5"],
      after: ["a/0=0", "a/7=7"],
      back: ["ab/0=0", "ab/-5=-5"],
      bounds: ["a/0=0", "a/7=7", "ab/-5=-5"],
      deleted: ["a/-5=-5", "a/7=7"],
    });
  });

  it("keeps every field of a value, with defaults for what was left out", () => {
    let read: unknown;
    run((tx) => {
      tx.put(accounts, ["a"], { balance: "9007199254740993", opened: { seconds: "5" } });
      read = tx.get(accounts, "a");
    });
    expect(read).toEqual({ balance: "9007199254740993", currency: "", opened: { seconds: "5", nanos: 0 } });
  });

  it("ends a command whose range has no limit and too many rows", () => {
    const limits: (number | undefined)[] = [commandLimits.maxRangeRows, undefined];
    const read = limits.map((limit) => {
      const service = serviceOf(shared, (tx) => {
        for (const _ of tx.range(entries, limit === undefined ? {} : { limit }));
      });
      const world = new World([bound(service)]);
      const keys = new KeyCodec("entries", ["string", "int64"]);
      for (let number = 0n; number <= BigInt(commandLimits.maxRangeRows); number++)
        world.map.put(
          Buffer.concat([Buffer.from("tbank.v1.Ledger\0"), keys.encode(["a", number])]),
          Buffer.from([1]),
        );
      return world.call("bank.v1.Ledger", "Transfer", {});
    });
    expect(read).toEqual([
      { balance: "0" },
      {
        status: Status.resourceExhausted,
        message: expect.stringContaining("name a limit or a narrower prefix"),
      },
    ]);
  });

  it("cannot be written by a query, whatever its type was made to say", () => {
    const service = serviceOf(shared, () => {}, {
      query: (tx) => (tx as Transaction).put(accounts, ["a"], {}),
    });
    const world = new World([bound(service)]);
    expect(world.call("bank.v1.Ledger", "Balance", {})).toMatchObject({ status: Status.internal });
    expect(String(world.errors[0]?.error)).toContain("a query cannot write");
  });

  it("has no other service's tables", () => {
    const strange = builder().table("accounts", ["string"], "bank.v1.Account");
    const { answer, world } = run((tx) => tx.get(strange, "a"));
    expect(answer).toMatchObject({ status: Status.internal });
    expect(String(world.errors[0]?.error)).toContain("not of this service");
  });

  it("upgrades a value that an earlier version wrote, when it is read, and no other", () => {
    const old = new World([bound(serviceOf(shared, (tx) => tx.put(accounts, ["a"], { balance: "1" })))]);
    old.call("bank.v1.Ledger", "Transfer", {});
    const newer = builder();
    const upgraded = newer.table("accounts", ["string"], "bank.v1.Account", {
      upgrade: (value, writtenBy) => ({ ...value, currency: `EUR since ${writtenBy}` }),
    });
    const read: unknown[] = [];
    const service = serviceOf(
      newer,
      (tx) => {
        read.push(tx.get(upgraded, "a")?.currency);
        tx.put(upgraded, ["a"], { balance: "2", currency: "EUR" });
        for (const [, { currency }] of tx.range(upgraded)) read.push(currency);
      },
      { version: 300 },
    );
    const world = new World([bound(service)]);
    for (const [key, value] of old.map.range({ from: Buffer.from("t"), until: Buffer.from("u") }))
      world.map.put(key, value);
    world.call("bank.v1.Ledger", "Transfer", {});
    world.call("bank.v1.Ledger", "Transfer", {});
    expect(read).toEqual(["EUR since 1", "EUR", "EUR", "EUR"]);
  });
});

it("a key takes bytes of another realm", () => {
  const bytes = new KeyCodec("seats", ["bytes"]);
  const foreign = runInNewContext("Uint8Array.of(1, 2)") as Uint8Array;
  expect(bytes.decode(bytes.encode([foreign]))).toEqual([Uint8Array.of(1, 2)]);
});

it("a key that is no text of Unicode is refused: written as UTF-8, two of them would be one", () => {
  const texts = new KeyCodec("seats", ["string", "string"]);
  for (const half of ["\ud800", "a\udfff", "\udc00\ud800"]) {
    expect(() => texts.encode([half, "b"])).toThrow(
      "part 1 of the key of table seats: expected well-formed text",
    );
    expect(() => texts.leading(["a"], half)).toThrow("beginsWith in table seats: expected well-formed text");
  }
  expect(texts.decode(texts.encode(["\u{10000}", "\uffff"]))).toEqual(["\u{10000}", "\uffff"]);
});
