import { EventEmitter } from "node:events";
import { type Scheduler, serviceLoop } from "@synod/wire";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { Outbox } from "../src/transport/outbox.js";
import type { Repeat } from "../src/transport/repeats.js";

/** A stream that takes `room` messages, then asks to wait until the test drains it. */
class SlowStream extends EventEmitter {
  readonly written: string[] = [];
  #pending: (() => void)[] = [];
  readonly #room: number;

  constructor(room: number) {
    super();
    this.#room = room;
  }

  write(message: string, callback?: () => void): boolean {
    this.written.push(message);
    this.#pending.push(() => callback?.());
    return this.#pending.length < this.#room;
  }

  /** Passes everything on. */
  drain(): void {
    for (const passed of this.#pending.splice(0)) passed();
    this.emit("drain");
  }

  /** Passes one message on. */
  passOne(): void {
    this.#pending.shift()?.();
  }
}

function make(
  bounds: { maxMessages?: number; maxBytes?: number; againMs?: number; stallMs?: number } = {},
  room = 2,
) {
  const stream = new SlowStream(room);
  const onStalled = vi.fn();
  const scheduler = { ...serviceLoop, nowMs: () => Date.now() };
  const outbox = new Outbox<string>({
    ...{ stream, scheduler, onStalled },
    bytesOf: (message) => message.length,
    repeatOf: (message) => {
      const [, kind, key] = /^(request|copy|news) (\w)/.exec(message) ?? [];
      return key === undefined ? undefined : ({ key, kind } as Repeat);
    },
    ...bounds,
  });
  return { stream, outbox, onStalled };
}

test("messages leave in order, and wait while the stream does not drain", () => {
  const { stream, outbox } = make();
  for (const message of ["a", "b", "c", "d", "e"]) expect(outbox.send(message)).toBe(true);
  expect(stream.written).toEqual(["a", "b"]);
  expect(outbox.waiting).toBe(3);
  stream.drain();
  expect(stream.written).toEqual(["a", "b", "c", "d"]);
  stream.drain();
  expect(stream.written).toEqual(["a", "b", "c", "d", "e"]);
});

test("what is beyond the bound of messages is dropped and counted", () => {
  const { outbox } = make({ maxMessages: 2 });
  expect(["a", "b", "c", "d", "e", "f"].map((message) => outbox.send(message))).toEqual([
    true,
    true,
    true,
    true,
    false,
    false,
  ]);
  expect(outbox.dropped).toBe(2);
});

test("what is beyond the bound of bytes is dropped; the bytes that leave make room", () => {
  const { stream, outbox } = make({ maxBytes: 10 });
  outbox.send("a");
  outbox.send("b");
  expect(outbox.send("12345678")).toBe(true);
  expect(outbox.send("123")).toBe(false);
  expect(outbox.send("12")).toBe(true);
  stream.drain();
  stream.drain();
  expect(outbox.waiting).toBe(0);
  expect(outbox.send("0123456789")).toBe(true);
});

test("a peer that takes nothing is given up once; one that takes a little is not", () => {
  vi.useFakeTimers();
  try {
    const { stream, outbox, onStalled } = make({ stallMs: 1000 });
    for (const message of ["a", "b", "c"]) outbox.send(message);
    vi.advanceTimersByTime(900);
    stream.passOne();
    vi.advanceTimersByTime(900);
    expect(onStalled).not.toHaveBeenCalled();
    vi.advanceTimersByTime(200);
    expect(onStalled).toHaveBeenCalledTimes(1);
    expect(outbox.send("d")).toBe(false);
    vi.advanceTimersByTime(5000);
    expect(onStalled).toHaveBeenCalledTimes(1);
  } finally {
    vi.useRealTimers();
  }
});

test("what is sent again while an earlier copy has not left is that copy", () => {
  const { stream, outbox } = make();
  for (const message of ["copy a", "copy b", "copy c", "copy b", "copy c", "copy a"])
    expect(outbox.send(message)).toBe(true);
  expect(stream.written).toEqual(["copy a", "copy b"]);
  expect(outbox.waiting).toBe(1);
  stream.drain();
  expect(stream.written).toEqual(["copy a", "copy b", "copy c"]);
  outbox.send("copy a");
  expect(stream.written.at(-1)).toBe("copy a"); // The first has left, and may be lost.
});

test("a request that has left goes again only after the time that an answer may take", () => {
  vi.useFakeTimers();
  try {
    const { stream, outbox } = make({ againMs: 1000 });
    expect(outbox.send("request a")).toBe(true);
    vi.advanceTimersByTime(5000);
    stream.drain();
    vi.advanceTimersByTime(900);
    expect(outbox.send("request a")).toBe(true);
    expect(stream.written).toEqual(["request a"]);
    vi.advanceTimersByTime(200);
    outbox.send("request b");
    outbox.send("request a");
    expect(stream.written).toEqual(["request a", "request b", "request a"]);
  } finally {
    vi.useRealTimers();
  }
});

test("news take the place of older news that wait, and follow those that have begun to leave", () => {
  const { stream, outbox } = make({ maxBytes: 16 });
  for (const message of ["news a 1", "b", "news a 2", "c", "news a 3"]) outbox.send(message);
  expect(outbox.waiting).toBe(2);
  stream.drain();
  expect(stream.written).toEqual(["news a 1", "b", "news a 3", "c"]);
  outbox.send("news a 4");
  expect(outbox.send("news a 12345678901")).toBe(false);
  stream.drain();
  expect(stream.written.at(-1)).toBe("news a 4");
});

test("an own pause is not the peer's: what it took meanwhile is read before it is given up", () => {
  let now = 0;
  let due: (() => void) | undefined;
  const after: Scheduler["after"] = (_, work) => {
    due = work;
    return () => {
      due = undefined;
    };
  };
  const stream = new SlowStream(2);
  const onStalled = vi.fn();
  const scheduler = { ...serviceLoop, nowMs: () => now, after };
  const outbox = new Outbox<string>({ stream, scheduler, onStalled, bytesOf: () => 1, stallMs: 1000 });
  outbox.send("a");
  now += 3_600_000; // The process stood still; its timer fires before it reads.
  due?.();
  stream.drain();
  expect(onStalled).not.toHaveBeenCalled();
  outbox.send("b");
  for (let part = 0; part < 9; part++) due?.();
  outbox.heard();
  for (let part = 0; part < 10; part++) due?.();
  expect(onStalled).not.toHaveBeenCalled(); // It said something: it is there, and slow.
  due?.();
  expect(onStalled).toHaveBeenCalledTimes(1);
});

test("an idle stream is never given up", () => {
  vi.useFakeTimers();
  try {
    const { stream, outbox, onStalled } = make({ stallMs: 1000 });
    outbox.send("a");
    stream.drain();
    vi.advanceTimersByTime(60_000);
    expect(onStalled).not.toHaveBeenCalled();
  } finally {
    vi.useRealTimers();
  }
});

test("a closed outbox writes nothing more", () => {
  const { stream, outbox } = make();
  for (const message of ["a", "b", "c"]) outbox.send(message);
  outbox.close();
  stream.drain();
  expect(outbox.send("d")).toBe(false);
  expect(stream.written).toEqual(["a", "b"]);
});

test("rule 12: whatever was sent, replaced and drained, the bound counts what waits and nothing else", () => {
  const sent = fc
    .record({
      kind: fc.constantFrom("copy ", "news ", "request ", "other "),
      key: fc.constantFrom("a", "b"),
      more: fc.nat(12),
    })
    .map(({ kind, key, more }) => `${kind}${key}${".".repeat(more)}`);
  fc.assert(
    fc.property(fc.array(fc.option(sent, { nil: undefined }), { maxLength: 40 }), (steps) => {
      const { stream, outbox } = make({ maxBytes: 60 });
      for (const message of steps) {
        if (message === undefined) stream.drain();
        else outbox.send(message);
      }
      while (outbox.waiting > 0) stream.drain();
      stream.drain();
      for (const message of ["it takes", "two at once"]) outbox.send(message);
      expect([outbox.send("x".repeat(61)), outbox.send("x".repeat(60)), outbox.send("x")]).toEqual([
        false,
        true,
        false,
      ]);
      outbox.close();
    }),
  );
});
