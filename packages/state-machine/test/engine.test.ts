import { type Command, type Configuration, InvariantViolation, type OrderedMap } from "@synod/core";
import { configurationCodec } from "@synod/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Status } from "../src/definition/status.js";
import type { ByteTransaction } from "../src/engine/transaction.js";
import { type Answer, Engine, openedSession, type SlotContent } from "../src/index.js";
import { sessionLimits } from "../src/sessions/session-table.js";
import {
  builtIn,
  commandOf,
  genesis,
  inUse,
  openCommand,
  rowsOf,
  serviceOf,
  TestMap,
  World,
} from "./support.js";

const kv = "synod.kv.v1.KeyValue";
const calculator = "synod.calculator.v1.Calculator";
const key = Buffer.from("key");

function engineOver(state: OrderedMap, limits = sessionLimits): Engine {
  inUse(state);
  return new Engine({
    state,
    genesis,
    configurationCodec,
    services: builtIn,
    onHandlerError: () => {},
    sessionLimits: limits,
  });
}

function configuration(number: number, predecessor = number - 1): Configuration {
  const replicas = [{ id: `r${number}`, address: "127.0.0.1:1" }];
  const acceptors = [{ id: "a1", address: "127.0.0.1:2", store: "s1" }];
  return { number, predecessor, acceptors, leaders: [], replicas };
}

describe("the engine", () => {
  it("executes a command decided twice once, and answers both alike", () => {
    const world = new World();
    const add = world.command(calculator, "Add", { operand: "7" });
    const first = world.apply(add);
    const second = world.apply(add);
    expect(first).toMatchObject({ status: 0, slot: 2, repeated: false, outcome: "answered" });
    const { took = 0, ...answer } = first;
    expect(took).toBeGreaterThan(0);
    expect(second).toEqual({ ...answer, response: new Uint8Array(first.response), repeated: true });
    expect(world.engine.answerTo(add)).toEqual(second);
    expect(world.calculator("Value")).toEqual({ value: "7" });
  });

  it("executes a command once within one batch too", () => {
    const world = new World();
    const add = world.command(calculator, "Add", { operand: "7" });
    const answers = world.engine.apply(2, { kind: "batch", commands: [add, add, add] });
    expect(answers.map(({ repeated }) => repeated)).toEqual([false, true, true]);
    expect(world.calculator("Value")).toEqual({ value: "7" });
  });

  it("names a session by the slot and index that opened it, so that no name comes back", () => {
    const engine = engineOver(new TestMap());
    engine.apply(1, { kind: "no-op" });
    const answers = engine.apply(2, {
      kind: "batch",
      commands: [openCommand("a"), openCommand("b"), openCommand("a")],
    });
    expect(answers.map(({ response }) => openedSession(response))).toEqual(["2.0", "2.1", "2.2"]);
    expect(answers.map(({ clientId }) => clientId)).toEqual(["a", "b", "a"]);
    expect(engine.sessions).toBe(3);
  });

  it("has another hash where the text or the details of a failure are others", () => {
    const failing = (text: string, details: Uint8Array | undefined) => {
      const world = new World([
        serviceOf({ kind: "command", execute: (_tx, _request, context) => context.fail(5, text, details) }),
      ]);
      world.call("test.v1.Test", "Do", {});
      return world.engine.hash;
    };
    const hashes = [failing("a", undefined), failing("b", undefined)];
    hashes.push(failing("a", Buffer.from("a")), failing("a", Buffer.from("b")));
    expect(new Set(hashes).size).toBe(4);
    expect(failing("a", Buffer.from("b"))).toBe(hashes[3]);
  });

  it("counts a repeat as use of its session, so that another one is let go first", () => {
    const engine = engineOver(new TestMap(), { ...sessionLimits, maxSessions: 2 });
    const add = (client: string) => commandOf(client, 1, calculator, "Add", { operand: "1" });
    const commands = [openCommand(), openCommand(), add("1.0"), add("1.1"), add("1.0"), openCommand()];
    engine.apply(1, { kind: "batch", commands });
    const [first, second] = engine.apply(2, { kind: "batch", commands: [add("1.0"), add("1.1")] });
    expect(first).toMatchObject({ status: 0, repeated: true });
    expect(second).toMatchObject({ status: Status.aborted });
  });

  it("does not execute a command of a session that nobody opened", () => {
    const world = new World();
    world.calculator("Add", 1);
    const before = tables(world.map);
    const { revision } = world.engine;
    const answer = world.apply(commandOf("8.1", 1, calculator, "Add", { operand: "7" }));
    expect(answer).toMatchObject({ status: Status.aborted, repeated: false, outcome: "not-executed" });
    expect(tables(world.map)).toEqual(before);
    expect(world.engine.revision).toBe(revision);
  });

  it("tells a copy refused for good from one that found no room, which a later copy may find", () => {
    const world = new World();
    const add = (sequence: number, acknowledged = 0, operand = "1") => ({
      ...world.command(calculator, "Add", { operand }),
      sequence,
      acknowledged,
    });
    const { maxWindow } = sessionLimits;
    const beyond = add(maxWindow + 1);
    const noRoom = { status: Status.resourceExhausted, outcome: "unknown" };
    expect(world.engine.lacksRoom(beyond)).toMatchObject({ status: Status.resourceExhausted });
    expect(world.apply(beyond)).toMatchObject(noRoom);
    expect(world.apply(add(2, 1))).toMatchObject({ status: 0, outcome: "answered" });
    const refused = { outcome: "not-executed", repeated: false };
    expect(world.apply(add(1))).toMatchObject({ ...refused, status: Status.failedPrecondition });
    expect(world.apply(add(2, 1, "2"))).toMatchObject({ ...refused, status: Status.invalidArgument });
    expect(world.engine.lacksRoom(add(1))).toBeUndefined();
    expect(world.engine.lacksRoom({ ...add(9), clientId: "8.1" })).toBeUndefined();
    expect(world.apply(beyond)).toMatchObject({ status: 0, outcome: "answered", repeated: false });
  });

  it("applies slots in order, each once", () => {
    const engine = engineOver(new TestMap());
    expect(() => engine.apply(2, { kind: "no-op" })).toThrow(InvariantViolation);
    engine.apply(1, { kind: "no-op" });
    expect(() => engine.apply(1, { kind: "no-op" })).toThrow(InvariantViolation);
    expect(engine.appliedSlot).toBe(1);
  });

  it("answers an unknown service or method alike, whether its build has it or not, and keeps that answer", () => {
    const world = new World();
    const unknown = world.command("no.v1.Service", "Do", {});
    const notInUse = { status: Status.failedPrecondition, message: expect.stringContaining("not in use") };
    expect(world.apply(unknown)).toMatchObject({ ...notInUse, repeated: false });
    expect(world.apply(unknown)).toMatchObject({ ...notInUse, repeated: true });
    expect(world.apply(world.command(kv, "Nothing", {}))).toMatchObject({ status: Status.unimplemented });
    expect(world.engine.validate("no.v1.Service", "Do", key)).toMatchObject({ status: Status.unimplemented });
  });

  it("answers what cannot be decoded with INVALID_ARGUMENT and a text of its own", () => {
    const world = new World();
    const broken = { ...world.command(kv, "Put", {}), request: Buffer.from([0x0f]) };
    expect(world.apply(broken)).toMatchObject({
      status: Status.invalidArgument,
      message: "the request of synod.kv.v1.KeyValue/Put cannot be decoded",
    });
    expect(world.engine.validate(kv, "Put", broken.request)).toMatchObject({
      status: Status.invalidArgument,
    });
  });

  it("takes no request and gives no response beyond its limits", () => {
    const world = new World([serviceOf({ kind: "command", execute: putAndFill })]);
    const request = new Uint8Array((768 << 10) + 1);
    const large = { ...world.command("test.v1.Test", "Do", {}), request };
    expect(world.apply(large)).toMatchObject({ status: Status.resourceExhausted });
    expect(world.engine.validate("test.v1.Test", "Do", request)).toMatchObject({
      status: Status.resourceExhausted,
    });
    expect(world.call("test.v1.Test", "Do", {})).toMatchObject({ status: Status.resourceExhausted });
    expect(tables(world.map)).toEqual([]);
  });

  it("continues with the configurations it has applied, and ignores those out of order", () => {
    const map = new TestMap();
    const engine = engineOver(map);
    const decided = [configuration(2), configuration(2), configuration(4), configuration(3)];
    for (const [index, each] of decided.entries())
      engine.apply(index + 1, { kind: "configuration", configuration: each });
    const ruling = [
      { from: 1, configuration: genesis.configuration },
      { from: 5, configuration: configuration(2) },
      { from: 8, configuration: configuration(3) },
    ];
    expect(engine.configurations).toEqual(ruling);
    expect(engineOver(map).configurations).toEqual(ruling);
    expect([...map.range({ from: Buffer.from("c"), until: Buffer.from("d") })]).toHaveLength(2);
  });

  it("goes on from a snapshot that took its state's place as whoever gave it does (rule 19)", () => {
    const giver = new World();
    const lock = "synod.lock.v1.Lock";
    giver.call(lock, "Acquire", { name: "l", owner: "a", ttlMs: "2000", wait: false });
    giver.advance(1_000);
    const replaced = { map: inUse(new TestMap()) };
    const state: OrderedMap = {
      get: (each) => replaced.map.get(each),
      put: (each, value) => replaced.map.put(each, value),
      delete: (each) => replaced.map.delete(each),
      range: (range) => replaced.map.range(range),
    };
    const engine = engineOver(state);
    engine.apply(1, { kind: "batch", commands: [openCommand("another")], logTimeMs: 1 });
    replaced.map = giver.map.copy();
    engine.reload();
    for (const field of ["appliedSlot", "logTime", "nextDue", "hash", "sessions"] as const)
      expect([field, engine[field]]).toEqual([field, giver.engine[field]]);
    for (let batches = 0; batches < 30; batches++) {
      const next: SlotContent = { kind: "batch", commands: [], logTimeMs: engine.logTimeMs + 200 };
      for (const each of [engine, giver.engine]) each.apply(each.appliedSlot + 1, next);
    }
    expect(engine.nextDue.resumeMs).toBeUndefined();
    expect(engine.hash).toBe(giver.engine.hash);
  });

  it("moves log time with batches alone (rule 16)", () => {
    const engine = engineOver(new TestMap());
    engine.apply(1, { kind: "batch", commands: [], logTimeMs: 50 });
    engine.apply(2, { kind: "no-op" });
    engine.apply(3, { kind: "configuration", configuration: configuration(2) });
    expect(engine.logTimeMs).toBe(50);
  });

  it("executes the commands of a batch in their order, each one", () => {
    const world = new World();
    const commands = ["a", "b", "c"].map((letter) =>
      world.command(kv, "Append", { key: "k", value: Buffer.from(letter) }),
    );
    world.batch(commands);
    expect(Buffer.from(world.kv("Get", { key: "k" }).value).toString()).toBe("abc");
  });

  it("refuses two services of one name", () => {
    const service = serviceOf({ kind: "command", execute: () => ({}) });
    expect(() => new World([service, service])).toThrow("test.v1.Test");
  });

  it("keeps services apart, also when one's name begins with another's", () => {
    const put = (text: string) =>
      ({
        kind: "command",
        execute(tx: ByteTransaction) {
          tx.put(Buffer.from(text), key);
          return { keys: textsOf(tx.range()) };
        },
      }) as const;
    const world = new World([
      serviceOf(put("a"), "test.v1.A"),
      serviceOf(put("b"), "test.v1.AB"),
      serviceOf(put("c"), "test.v1.A_"),
    ] as never);
    expect(world.call("test.v1.AB", "Do", {})).toEqual({ keys: ["b"] });
    expect(world.call("test.v1.A_", "Do", {})).toEqual({ keys: ["c"] });
    expect(world.call("test.v1.A", "Do", {})).toEqual({ keys: ["a"] });
  });

  it("has this hash after these slots, on every machine", () => {
    const engine = engineOver(new TestMap());
    const put = (sequence: number) =>
      commandOf("1.0", sequence, kv, "Put", { key: `k${sequence}`, value: Buffer.from("v") });
    engine.apply(1, { kind: "batch", commands: [openCommand()] });
    engine.apply(2, { kind: "batch", commands: [put(1), put(2), put(1)] });
    engine.apply(3, { kind: "no-op" });
    engine.apply(4, { kind: "configuration", configuration: configuration(2) });
    engine.apply(5, {
      kind: "batch",
      commands: [commandOf("1.0", 3, kv, "Delete", { key: "k1" }), put(9), put(9)],
    });
    expect(engine.hash).toMatchInlineSnapshot(
      `"aa89d7a405d21c5e18a7f8706a97abf586c37e8db39f2882bd9ceabfe92338d7"`,
    );
  });
});

function putAndFill(tx: ByteTransaction): object {
  tx.put(key, key);
  return { filling: "x".repeat(1 << 20) };
}

/** Keys and values that services stored. */
function tables(map: OrderedMap): string[] {
  const entries = [...map.range({ from: Buffer.from("t"), until: Buffer.from("u") })];
  return entries.map((entry) => entry.map((bytes) => Buffer.from(bytes).toString("latin1")).join("="));
}

function textsOf(entries: Iterable<readonly [Uint8Array, Uint8Array]>): string[] {
  return [...entries].map(([each]) => Buffer.from(each).toString());
}

describe("the engine, whatever is decided", () => {
  const clientId = fc.constantFrom("1.0", "1.1", "3.0", "4.1", "9.9");
  const sequence = fc.integer({ min: 1, max: 12 });
  const text = fc.constantFrom("a", "b", "c");
  const call = fc.oneof(
    fc.tuple(
      fc.constant(kv),
      fc.constant("Put"),
      fc.record({ key: text, value: text.map((each) => Buffer.from(each)) }),
    ),
    fc.tuple(
      fc.constant(kv),
      fc.constant("Append"),
      fc.record({ key: text, value: text.map((each) => Buffer.from(each)) }),
    ),
    fc.tuple(
      fc.constant(kv),
      fc.constantFrom("Get", "Delete", "None"),
      fc.record({ key: fc.constantFrom("a", "b", "") }),
    ),
    fc.tuple(fc.constant(kv), fc.constant("Range"), fc.record({ prefix: fc.constant(""), limit: fc.nat(2) })),
    fc.tuple(
      fc.constant(calculator),
      fc.constantFrom("Add", "Subtract", "Multiply"),
      fc.record({ operand: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map(String) }),
    ),
  );
  const command: fc.Arbitrary<Command> = fc.oneof(
    { weight: 1, arbitrary: fc.constant(openCommand()) },
    {
      weight: 8,
      arbitrary: fc
        .tuple(clientId, sequence, fc.nat(12), call)
        .map(([client, number, behind, [service, method, request]]) =>
          commandOf(client, number, service, method, request, Math.max(0, number - behind)),
        ),
    },
  );
  const decided: fc.Arbitrary<SlotContent> = fc.oneof(
    {
      weight: 8,
      arbitrary: fc
        .array(command, { maxLength: 6 })
        .map((commands) => ({ kind: "batch" as const, commands })),
    },
    { weight: 1, arbitrary: fc.constant({ kind: "no-op" as const }) },
    {
      weight: 1,
      arbitrary: fc
        .integer({ min: 2, max: 4 })
        .map((number) => ({ kind: "configuration" as const, configuration: configuration(number) })),
    },
  );
  const opening: SlotContent = { kind: "batch", commands: [openCommand("a"), openCommand("b")] };
  const log = fc.array(decided, { maxLength: 25 }).map((slots) => [opening, ...slots]);
  const limits = { ...sessionLimits, maxSessions: 4, maxWindow: 6 };

  it("is the same after a restart at any slot: answers, hash and every byte of the state", () => {
    fc.assert(
      fc.property(log, fc.infiniteStream(fc.boolean()), (slots, restarts) => {
        const steadyMap = new TestMap();
        const steady = engineOver(steadyMap, limits);
        const map = new TestMap();
        let restarted = engineOver(map, limits);
        for (const [index, each] of slots.entries()) {
          if (restarts.next().value) restarted = engineOver(map, limits);
          expect(restarted.apply(index + 1, each)).toEqual(steady.apply(index + 1, each));
          expect(restarted.hash).toBe(steady.hash);
        }
        expect(rowsOf(map)).toEqual(rowsOf(steadyMap));
        expect(restarted.configurations).toEqual(steady.configurations);
        expect([restarted.appliedSlot, restarted.revision]).toEqual([steady.appliedSlot, steady.revision]);
      }),
      { numRuns: 200 },
    );
  });

  it("has another hash when one byte written or answered is another", () => {
    fc.assert(
      fc.property(log, fc.nat(), (slots, at) => {
        const place = (at % slots.length) + 1;
        const added = (operand: string): SlotContent => ({
          kind: "batch",
          commands: [openCommand(), commandOf(`${place}.0`, 1, calculator, "Add", { operand })],
        });
        const hashes = ["1", "2"].map((operand) => {
          const engine = engineOver(new TestMap(), limits);
          const all = [...slots.slice(0, place - 1), added(operand), ...slots.slice(place - 1)];
          for (const [index, each] of all.entries()) engine.apply(index + 1, each);
          return engine.hash;
        });
        expect(hashes[0]).not.toBe(hashes[1]);
      }),
      { numRuns: 100 },
    );
  });

  it("executes each sequence of a session at most once, but for queries, and changes tables by executed successes only", () => {
    fc.assert(
      fc.property(log, (slots) => {
        const map = new TestMap();
        const engine = engineOver(map, limits);
        const executed = new Set<string>();
        for (const [index, each] of slots.entries()) {
          // One command a slot, so that a change has one cause.
          const commands = each.kind === "batch" ? each.commands : [];
          for (const one of commands.length === 0 ? [each] : commands.map(alone)) {
            const before = tables(map);
            const revision = engine.revision;
            const answers: readonly Answer[] = engine.apply(engine.appliedSlot + 1, one);
            const ran = engine.revision > revision;
            const name = answers
              .map(({ clientId: client, sequence: number }) => `${client}/${number}`)
              .join();
            const query = commands.length > 0 && one.kind === "batch" && one.commands.some(isQuery);
            if (ran) expect(executed.has(name), `${name} in ${index + 1}`).toBe(false);
            if (ran && !query) executed.add(name);
            if (!ran || answers[0]?.status !== 0) expect(tables(map)).toEqual(before);
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  function isQuery({ service, method }: Command): boolean {
    return builtIn.find(({ name }) => name === service)?.kindOf(method) === "query";
  }

  function alone(one: Command): SlotContent {
    return { kind: "batch", commands: [one] };
  }
});
