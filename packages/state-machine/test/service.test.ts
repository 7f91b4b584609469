import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Status } from "../src/definition/status.js";
import type { CallContext } from "../src/engine/service.js";
import type { ByteTransaction } from "../src/engine/transaction.js";
import { commandLimits } from "../src/index.js";
import { inUse, serviceOf, TestMap, World } from "./support.js";

const name = "test.v1.Test";
const bytes = (text: string) => Buffer.from(text);
const entriesOf = (entries: Iterable<readonly [Uint8Array, Uint8Array]>) =>
  [...entries].map(([key, value]) => `${Buffer.from(key)}=${Buffer.from(value)}`);

/** A world with one command that does this. */
function worldOf(
  execute: (tx: ByteTransaction, request: object, context: CallContext) => object,
  kind: "command" | "query" = "command",
): World {
  return new World([serviceOf({ kind, execute } as Parameters<typeof serviceOf>[0])]);
}

function stored(world: World): string[] {
  return entriesOf(world.map.range({ from: bytes("t"), until: bytes("u") }));
}

describe("a handler that fails", () => {
  it("by a declared failure changes nothing, and code and text are the answer", () => {
    const world = worldOf((tx, _request, context) => {
      tx.put(bytes("a"), bytes("1"));
      return context.fail(Status.outOfRange, "too much");
    });
    const command = world.command(name, "Do", {});
    expect(world.apply(command)).toMatchObject({
      status: Status.outOfRange,
      message: "too much",
      repeated: false,
    });
    expect(world.apply(command)).toMatchObject({
      status: Status.outOfRange,
      message: "too much",
      repeated: true,
    });
    expect(stored(world)).toEqual([]);
    expect(world.errors).toEqual([]);
  });

  it("by any exception changes nothing, answers a fixed text, and tells its own to the log only", () => {
    const texts = [new Error("engine's words"), "a string", undefined].map((thrown) => {
      const world = worldOf((tx) => {
        tx.put(bytes("a"), bytes("1"));
        throw thrown;
      });
      const answer = world.call(name, "Do", {});
      expect(stored(world)).toEqual([]);
      expect(world.errors).toEqual([{ service: name, method: "Do", slot: 2, error: thrown }]);
      expect(answer.status).toBe(Status.internal);
      return answer.message;
    });
    expect(new Set(texts).size).toBe(1);
    expect(texts[0]).not.toContain("engine's words");
  });

  it("by returning a promise changes nothing, whether it resolves or rejects, and says so", async () => {
    let late: unknown;
    const world = worldOf((async (tx: ByteTransaction, request: { reject: boolean }) => {
      tx.put(bytes("a"), bytes("1"));
      await undefined;
      if (request.reject) throw new Error("late");
      try {
        tx.put(bytes("b"), bytes("2"));
      } catch (error) {
        late = error;
      }
      return {};
    }) as never);
    for (const reject of [false, true]) {
      expect(world.call(name, "Do", { reject })).toMatchObject({
        status: Status.internal,
        message: expect.stringContaining("promise"),
      });
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(String(late)).toContain("transaction has ended");
    expect(stored(world)).toEqual([]);
    expect(world.errors).toHaveLength(2);
  });

  it("by a response that cannot be encoded changes nothing", () => {
    const world = worldOf((tx) => {
      tx.put(bytes("a"), bytes("1"));
      return { value: 1n };
    });
    expect(world.call(name, "Do", {})).toMatchObject({ status: Status.internal });
    expect(stored(world)).toEqual([]);
  });

  it("by a code that gRPC does not have is an undeclared failure", () => {
    for (const code of [0, 17, 1.5, Number.NaN]) {
      const world = worldOf((_tx, _request, context) => context.fail(code, "text"));
      expect(world.call(name, "Do", {})).toMatchObject({ status: Status.internal });
    }
  });

  it("has its text cut to what a header carries", () => {
    const world = worldOf((_tx, _request, context) => context.fail(9, `x${"🐌".repeat(1000)}`));
    const { message } = world.call(name, "Do", {});
    expect(message.length).toBe(commandLimits.maxMessageLength - 1);
    expect(Buffer.from(message).toString()).toBe(message);
  });

  it("does not hide that the map failed, even if it catches", () => {
    class Broken extends TestMap {
      override get(key: Uint8Array): Uint8Array | undefined {
        if (key[0] === 0x74) throw new Error("disk");
        return super.get(key);
      }
    }
    const caught = serviceOf({
      kind: "command",
      execute(tx) {
        try {
          tx.get(bytes("a"));
        } catch {}
        return {};
      },
    });
    const world = new World([caught]);
    const engine = world.engineOver(inUse(new Broken(), [caught]));
    engine.apply(1, { kind: "batch", commands: [] });
    const open = {
      kind: "batch",
      commands: [{ ...world.command("synod.v1.Replica", "OpenSession", {}) }],
    } as const;
    engine.apply(2, open);
    const command = { ...world.command(name, "Do", {}), clientId: "2.0", sequence: 1, acknowledged: 0 };
    expect(() => engine.apply(3, { kind: "batch", commands: [command] })).toThrow("disk");
  });
});

describe("a transaction", () => {
  it("cannot be written by a query", () => {
    for (const write of ["put", "delete"] as const) {
      const world = worldOf((tx) => {
        tx[write](bytes("a"), bytes("1"));
        return {};
      }, "query");
      expect(world.call(name, "Do", {})).toMatchObject({ status: Status.internal });
      expect(String(world.errors[0]?.error)).toContain("a query cannot write");
      expect(stored(world)).toEqual([]);
    }
  });

  it("keeps within the limits of one command, or changes nothing", () => {
    const { maxKeyBytes, maxValueBytes, maxWrites, maxWrittenBytes } = commandLimits;
    const excesses: ((tx: ByteTransaction) => void)[] = [
      (tx) => tx.put(Buffer.alloc(maxKeyBytes + 1), bytes("")),
      (tx) => tx.get(Buffer.alloc(maxKeyBytes + 1)),
      (tx) => tx.put(bytes("a"), Buffer.alloc(maxValueBytes + 1)),
      (tx) => {
        for (let index = 0; index <= maxWrites; index++) tx.put(bytes(`${index}`), bytes(""));
      },
      (tx) => {
        for (let left = maxWrittenBytes; left > 0; left -= maxValueBytes)
          tx.put(bytes("a"), Buffer.alloc(maxValueBytes));
      },
    ];
    const caught = (excess: (tx: ByteTransaction) => void) => (tx: ByteTransaction) => {
      try {
        excess(tx);
      } catch {
        // A handler that goes on all the same.
      }
    };
    for (const excess of [...excesses, ...excesses.map(caught)]) {
      const world = worldOf((tx) => {
        tx.put(bytes("b"), bytes("1"));
        excess(tx);
        return {};
      });
      expect(world.call(name, "Do", {})).toMatchObject({ status: Status.resourceExhausted });
      expect(stored(world)).toEqual([]);
      expect(world.errors).toEqual([]);
    }
  });

  it("shows a range as it was when asked for, own writes included", () => {
    const world = worldOf((tx) => {
      for (const key of ["a", "b", "c"]) tx.put(bytes(key), bytes("1"));
      const before = tx.range();
      const seen: string[] = [];
      for (const [key] of before) {
        tx.delete(key);
        tx.put(Buffer.concat([key, bytes("x")]), bytes("2"));
        seen.push(Buffer.from(key).toString());
      }
      return { seen, after: entriesOf(tx.range()) };
    });
    expect(world.call(name, "Do", {})).toEqual({ seen: ["a", "b", "c"], after: ["ax=2", "bx=2", "cx=2"] });
  });

  it("behaves as a sorted map would, within a command and after it", () => {
    const key = fc.constantFrom("", "a", "ab", "b", "ba", "c");
    const bound = fc.option(key, { nil: undefined });
    const step = fc.oneof(
      fc.record({ kind: fc.constant("put" as const), key, value: fc.constantFrom("", "1", "2") }),
      fc.record({ kind: fc.constant("delete" as const), key }),
      fc.record({ kind: fc.constant("get" as const), key }),
      fc.record({
        kind: fc.constant("range" as const),
        from: bound,
        until: bound,
        limit: fc.option(fc.nat(4), { nil: undefined }),
        reverse: fc.boolean(),
      }),
    );
    type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;
    const through = (tx: ByteTransaction, each: Step): unknown => {
      if (each.kind === "put") return tx.put(bytes(each.key), bytes(each.value)) ?? null;
      if (each.kind === "delete") return tx.delete(bytes(each.key)) ?? null;
      if (each.kind === "get") return tx.get(bytes(each.key))?.toString() ?? null;
      const { limit, reverse } = each;
      const [from, until] = [each.from, each.until].map((one) =>
        one === undefined ? undefined : bytes(one),
      );
      return entriesOf(tx.range({ from, until, limit, reverse }));
    };
    const modelled = (model: Map<string, string>, each: Step): unknown => {
      if (each.kind === "put") return model.set(each.key, each.value) && null;
      if (each.kind === "delete") model.delete(each.key);
      if (each.kind === "delete") return null;
      if (each.kind === "get") return model.get(each.key) ?? null;
      const { from = "", until, limit, reverse } = each;
      const found = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
      const inside = found.filter(([one]) => one >= from && (until === undefined || one < until));
      return (reverse ? inside.reverse() : inside).slice(0, limit).map(([one, value]) => `${one}=${value}`);
    };
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.array(step, { minLength: 3, maxLength: 10 })), {
          minLength: 2,
          maxLength: 8,
        }),
        (commands) => {
          let steps: readonly Step[] = [];
          let fails = false;
          const world = worldOf((tx, _request, context) => {
            const seen = steps.map((each) => through(tx, each));
            return fails ? context.fail(9, JSON.stringify(seen)) : { seen };
          });
          let model = new Map<string, string>();
          for (const [failing, wanted] of commands) {
            [steps, fails] = [wanted, failing];
            const next = new Map(model);
            const expected = wanted.map((each) => modelled(next, each));
            const answer = world.call(name, "Do", {});
            if (failing)
              expect(answer.message).toBe(JSON.stringify(expected).slice(0, commandLimits.maxMessageLength));
            else [model] = [next, expect(answer).toEqual({ seen: expected })];
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("a handler's context", () => {
  it("tells slot, client and a revision that grows with every command executed", () => {
    const world = worldOf((_tx, _request, { slot, revision, client }) => ({ slot, revision, client }));
    expect(world.call(name, "Do", {})).toEqual({ slot: 2, revision: 1, client: { id: "1.0", sequence: 1 } });
    world.engine.apply(3, { kind: "no-op" });
    expect(world.call(name, "Do", {})).toEqual({ slot: 4, revision: 2, client: { id: "1.0", sequence: 2 } });
    const batch = [world.command(name, "Do", {}), world.command(name, "Do", {})];
    const answers = world.engine.apply(5, { kind: "batch", commands: batch });
    expect(answers.map(({ response }) => JSON.parse(Buffer.from(response).toString()).revision)).toEqual([
      3, 4,
    ]);
  });
});
