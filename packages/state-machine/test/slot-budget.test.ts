import type { Command } from "@synod/core";
import { describe, expect, it } from "vitest";
import { Status } from "../src/definition/status.js";
import { commandLimits, slotLimits } from "../src/engine/limits.js";
import type { ByteTransaction } from "../src/engine/transaction.js";
import { type Answer, encodeSaid, setQuotaMethod, systemService } from "../src/index.js";
import { commandOf, openCommand, rowsOf, serviceOf, World } from "./support.js";

const name = "test.v1.Test";
const limits = { ...slotLimits, maxBytes: 20_000, maxDueBytes: 20_000 };

interface Asked {
  /** Rows to write. */
  readonly rows?: number;
  /** Bytes of the answer. */
  readonly answer?: number;
  /** Rows to read. */
  readonly read?: number;
  /** Commands to schedule, each of which is to do this. */
  readonly later?: { readonly count: number; readonly atMs: number; readonly id?: string } & Asked;
}

let executed: Asked[] = [];

function execute(tx: ByteTransaction, request: object, context: Parameters<Handler["execute"]>[2]): object {
  const { rows = 0, answer = 0, read = 0, later } = request as Asked;
  executed.push(request as Asked);
  for (let row = 0; row < rows; row++) tx.put(Buffer.from(`${context.revision}.${row}`), Buffer.alloc(10));
  for (let row = 0; row < read; row++) tx.get(Buffer.from("none"));
  for (let number = 0; number < (later?.count ?? 0); number++) {
    const { atMs, id, ...asked } = later as NonNullable<Asked["later"]>;
    const named = id === undefined ? {} : { id: `${id}${number}` };
    context.schedule({ atMs, method: "Do", request: Buffer.from(JSON.stringify(asked)), ...named });
  }
  return { text: "a".repeat(answer) };
}

type Handler = Extract<Parameters<typeof serviceOf>[0], { readonly kind: "command" }>;

function world(kind: "command" | "query" = "command", options = {}): World {
  executed = [];
  const method = kind === "command" ? { kind, execute } : { kind, execute: () => ({ text: "" }) };
  return new World([serviceOf(method as Handler, name)], { slotLimits: limits, ...options });
}

const asks = (on: World, count: number, asked: Asked) =>
  [...Array(count)].map(() => on.command(name, "Do", asked));

describe("a slot", () => {
  it.each<[string, Asked]>([
    ["write", { rows: 10 }],
    ["answer", { answer: 5_000 }],
    ["read", { read: 14 }],
  ])("executes no more of its commands once they %s more than its budget", (_, asked) => {
    const on = world();
    const commands = asks(on, 20, asked);
    const answers = on.batch(commands);
    const done = answers.filter(({ status }) => status === 0).length;
    expect(done).toBeGreaterThanOrEqual(2);
    expect(done).toBeLessThanOrEqual(6);
    expect(executed).toHaveLength(done);
    for (const [index, { status, outcome, deferred, message }] of answers.entries()) {
      if (index < done) continue;
      expect({ status, outcome, deferred }).toEqual({
        ...{ status: Status.resourceExhausted, outcome: "unknown", deferred: true },
      });
      expect(message).toContain("slot 2 had no room left");
    }
    // What was put off is executed once, when it is decided again.
    let left = commands.slice(done);
    while (left.length > 0) left = left.filter((_, index, all) => on.batch(all)[index]?.deferred === true);
    expect(on.batch(commands.slice(-1))[0]).toMatchObject({ status: 0, repeated: true });
    expect(executed).toHaveLength(20);
  });

  it("counts what was read by those whose writes the quota refuses", () => {
    const on = world();
    const set = { ...openCommand(), method: setQuotaMethod, request: encodeSaid({ bytes: 1 }) };
    on.batch([set]);
    const answers = on.batch(asks(on, 20, { read: 14, rows: 1 }));
    const refused = answers.filter(({ message }) => message.includes("raise the quota"));
    expect(refused.length).toBeGreaterThanOrEqual(2);
    expect(refused.length).toBeLessThanOrEqual(6);
    expect(answers.at(-1)).toMatchObject({ deferred: true });
  });

  it("counts the answers that it repeats", () => {
    const on = world();
    const [command] = asks(on, 1, { answer: 5_000 });
    on.batch([command as Command]);
    const answers = on.batch(Array(20).fill(command));
    expect(answers.filter(({ repeated }) => repeated).length).toBeLessThanOrEqual(4);
    expect(answers.at(-1)).toMatchObject({ deferred: true });
  });

  it("lets a single command go beyond its budget", () => {
    const on = world();
    expect(on.call(name, "Do", { rows: 1_000 })).toEqual({ text: "" });
    expect(on.call(name, "Do", { rows: 1_000 })).toEqual({ text: "" });
  });

  it("always executes what belongs to Synod itself", () => {
    const on = world();
    const set = {
      clientId: "n",
      sequence: 1,
      acknowledged: 0,
      service: systemService,
      method: setQuotaMethod,
    };
    const answers = on.batch([
      ...asks(on, 2, { rows: 1_000 }),
      { ...set, request: encodeSaid({ bytes: 123_456 }) },
    ]);
    expect(answers.map(({ status }) => status)).toEqual([0, Status.resourceExhausted, 0]);
    expect(on.engine.system.quotaBytes).toBe(123_456);
  });

  it("runs what is due until its budget is spent, and the rest in the next slots, however full these are", () => {
    const on = world();
    const atMs = on.engine.logTimeMs + 100;
    on.call(name, "Do", { later: { count: 20, atMs, rows: 10 } });
    executed = [];
    const slots: number[] = [];
    for (let ran = 0; ran < 20 && slots.length < 20; ) {
      const before = executed.length;
      on.batch(asks(on, 1, { rows: 100 }), atMs);
      slots.push(executed.length - before - 1);
      ran += slots.at(-1) as number;
    }
    expect(slots.every((ran) => ran > 0 && ran <= 6)).toBe(true);
    expect(slots.reduce((sum, ran) => sum + ran, 0)).toBe(20);
  });

  it("gives both kinds of time their turn", () => {
    const services = [serviceOf({ kind: "command", execute } as Handler, name)];
    services.push(serviceOf({ kind: "command", execute } as Handler, "test.v1.Other", "catch up"));
    executed = [];
    const on = new World(services, { slotLimits: limits });
    const later = { count: 20, atMs: 100 };
    on.call(name, "Do", { later: { ...later, rows: 10 } });
    on.call("test.v1.Other", "Do", { later: { ...later, rows: 9 } });
    executed = [];
    on.batch([], 200);
    expect(new Set(executed.map(({ rows }) => rows))).toEqual(new Set([9, 10]));
  });

  it("is counted alike after a restart, and differs in its hash where its budget does", () => {
    const on = world();
    const larger = world("command", { slotLimits: { ...limits, maxBytes: 30_000 } });
    expect(larger.engine.hash).toBe(on.engine.hash);
    const commands = asks(on, 20, { rows: 10 });
    const restarted = on.engineOver(on.map.copy(), { slotLimits: limits });
    restarted.apply(2, { kind: "batch", commands, logTimeMs: 1 });
    on.batch(commands);
    larger.batch(commands);
    expect(restarted.hash).toBe(on.engine.hash);
    expect(larger.engine.hash).not.toBe(on.engine.hash);
  });
});

describe("one command", () => {
  it("may read so much, and no more", () => {
    const on = world();
    const { maxReadBytes } = commandLimits;
    on.call(name, "Do", { rows: 1 });
    const value = Buffer.alloc(commandLimits.maxValueBytes);
    const reads: number[] = [];
    const service = serviceOf({
      kind: "command",
      execute: (tx: ByteTransaction, request: object) => {
        const { times } = request as { times: number };
        if (times === 0) tx.put(Buffer.from("large"), value);
        for (let time = 0; time < times; time++) tx.get(Buffer.from("large"));
        reads.push(times);
        return {};
      },
    } as Handler);
    const other = new World([service]);
    other.call(name, "Do", { times: 0 });
    expect(other.call(name, "Do", { times: maxReadBytes / value.length - 1 })).toEqual({});
    // The read that is too large cannot be told apart by one that was put in the same command.
    expect(other.call(name, "Do", { times: maxReadBytes / value.length + 1 })).toMatchObject({
      status: Status.resourceExhausted,
      message: `the command read more than ${maxReadBytes} bytes; read less at a time`,
    });
    expect(reads).toEqual([0, maxReadBytes / value.length - 1]);
  });
});

describe("a query", () => {
  it("leaves nothing behind but the use of its session, and is executed again when it is repeated", () => {
    const on = world("query");
    const before = rowsOf(on.map).length;
    const command = on.command(name, "Do", {});
    const [first] = on.batch([command]);
    const revision = on.engine.revision;
    const [again] = on.batch([command]);
    expect(first).toMatchObject({ status: 0, slot: 2, repeated: false });
    expect(again).toMatchObject({ status: 0, slot: 3, repeated: false });
    expect(on.engine.revision).toBe(revision + 1);
    // The row of progress, the head of the session and what log time began with were there.
    expect(rowsOf(on.map).length).toBeLessThanOrEqual(before + 1);
    expect(on.engine.answerTo(command)).toBeUndefined();
  });

  it("counts as use of its session, so that one that only reads is not let go of", () => {
    const sessionLimits = { maxSessions: 2, maxWindow: 9, maxSessionBytes: 9_999, maxTableBytes: 99_999 };
    const on = world("query", { sessionLimits });
    const open = (nonce: string) => ({
      ...{ clientId: nonce, sequence: 1, acknowledged: 0, service: systemService },
      ...{ method: "OpenSession", request: new Uint8Array() },
    });
    on.batch([open("b")]);
    on.call(name, "Do", {});
    on.batch([open("c")]);
    const read = (session: string) => on.batch([commandOf(session, 9, name, "Do", {})])[0] as Answer;
    expect(read("1.0").status).toBe(0);
    expect(read("2.0").status).toBe(Status.aborted);
  });

  it("fills no session with its answers", () => {
    const on = new World();
    on.kv("Put", { key: "k", value: Buffer.alloc(500_000) });
    const reads = [...Array(200)].map(() => ({
      ...on.command("synod.kv.v1.KeyValue", "Get", { key: "k" }),
      acknowledged: 0,
    }));
    let left = reads;
    for (let slots = 0; left.length > 0 && slots < 100; slots++) {
      const answers = on.batch(left);
      left = left.filter((_, index) => answers[index]?.deferred === true);
      expect(answers.every(({ status, deferred }) => status === 0 || deferred)).toBe(true);
    }
    expect(left).toEqual([]);
  });
});
