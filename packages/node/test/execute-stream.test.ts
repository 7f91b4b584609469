import { EventEmitter } from "node:events";
import * as grpc from "@grpc/grpc-js";
import type { Command } from "@synod/core";
import { type Response, Unreadable, WireError } from "@synod/wire";
import { expect, test, vi } from "vitest";
import {
  ExecuteStream,
  type ExecuteStreamCall,
  type ExecuteStreamLimits,
} from "../src/replica/requests/execute-stream.js";
import { Requests } from "../src/replica/requests/requests.js";
import { unreadHere } from "../src/replica/requests/unanswered.js";
import { unreadPlaces } from "../src/replica/requests/unread-answers.js";
import { SystemCommands } from "../src/replica/system-commands.js";

/** A server's stream that the test reads from, or does not. */
class FakeCall extends EventEmitter {
  readonly written: (readonly Response[])[] = [];
  readonly pause = vi.fn();
  readonly resume = vi.fn();
  readonly end = vi.fn();
  readonly errors: { code: grpc.status; details: string }[] = [];
  takes = true;
  readonly #peer: string;

  constructor(peer: string) {
    super();
    this.#peer = peer;
    this.on("error", (error) => this.errors.push(error));
  }

  getPeer(): string {
    return this.#peer;
  }

  write(responses: readonly Response[]): boolean {
    this.written.push(responses);
    return this.takes;
  }
}

const add = (sequence: number): Command => ({
  clientId: "7.0",
  sequence,
  acknowledged: 0,
  service: "bank.v1.Ledger",
  method: "Add",
  request: new Uint8Array(),
});

function make(limits: Partial<ExecuteStreamLimits> = {}, unread = unreadPlaces(), caller = "client") {
  const requests = new Requests({
    engine: {
      ...{ answerTo: () => undefined, lacksRoom: () => undefined, validate: () => undefined },
      isQuery: () => false,
    },
    commands: new SystemCommands(),
    propose: () => {},
    proposeAgain: () => {},
    took: () => {},
    obstacle: () => "",
    lag: () => "",
    doubt: () => undefined,
  });
  const call = new FakeCall(caller);
  const bounds = { maxOutstanding: 4, maxUnreadBytes: 1 << 20, maxUnreadMs: 1_000, ...limits };
  const replica = { takes: true, whenReadable: [] as (() => void)[] };
  new ExecuteStream(call as unknown as ExecuteStreamCall, {
    requests,
    readable: () => replica.takes,
    whenReadable: (callback) => replica.whenReadable.push(callback),
    onEnded: () => {},
    unread,
    limits: bounds,
  });
  const send = (...sequences: number[]) => call.emit("data", sequences.map(add));
  const execute = (sequence: number, response: Uint8Array = Buffer.from("ok")) =>
    requests.executed(add(sequence), {
      clientId: "7.0",
      sequence,
      status: 0,
      message: "",
      response,
      slot: 1,
      repeated: false,
      outcome: "answered",
    });
  const sequences = () => call.written.map((responses) => responses.map(({ sequence }) => sequence));
  const statuses = () =>
    call.written.flat().map(({ sequence, status, outcome }) => ({ sequence, status, outcome }));
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  return { requests, call, replica, send, execute, sequences, statuses, turn };
}

test("the answers of one turn leave in one message", async () => {
  const { send, execute, sequences, turn } = make();
  send(1, 2, 3);
  for (const sequence of [2, 1, 3]) execute(sequence);
  await turn();
  expect(sequences()).toEqual([[2, 1, 3]]);
});

test("a stream with its bound of commands outstanding is not read until some are answered", async () => {
  const { call, send, execute, turn } = make();
  send(1, 2, 3);
  expect(call.pause).not.toHaveBeenCalled();
  send(4, 5);
  expect(call.pause).toHaveBeenCalledTimes(1);
  execute(1);
  await turn();
  expect(call.resume).not.toHaveBeenCalled();
  execute(2);
  await turn();
  expect(call.resume).toHaveBeenCalled();
});

test("answers wait while the client does not read, and count as outstanding", async () => {
  const { call, send, execute, sequences, turn } = make();
  call.takes = false;
  send(1, 2, 3, 4);
  execute(1);
  await turn();
  for (const sequence of [2, 3, 4]) execute(sequence);
  call.resume.mockClear();
  await turn();
  expect(sequences()).toEqual([[1]]);
  call.takes = true;
  call.emit("drain");
  expect(sequences()).toEqual([[1], [2, 3, 4]]);
  expect(call.resume).toHaveBeenCalled();
});

test("an answer that finds no room on its stream is asked for again, and the others come as they are", async () => {
  const { call, send, execute, statuses, turn } = make({ maxUnreadBytes: 1000 });
  call.takes = false;
  send(1, 2, 3);
  execute(1);
  await turn();
  execute(2, Buffer.alloc(600));
  execute(3, Buffer.alloc(600));
  call.takes = true;
  call.emit("drain");
  expect(call.errors).toEqual([]);
  expect(statuses()).toEqual([
    { sequence: 1, status: 0, outcome: "answered" },
    { sequence: 2, status: 0, outcome: "answered" },
    { sequence: 3, status: grpc.status.RESOURCE_EXHAUSTED, outcome: "unknown" },
  ]);
  expect(call.written.at(-1)?.at(-1)?.message).toMatch(
    /^its answer found no room: 6\d\d bytes .*; ask again$/,
  );
});

test("what a command without a session was answered is not asked for again, since it would be executed twice", () => {
  const answer = { clientId: "", sequence: 0, status: 0, message: "", response: Buffer.from("ok"), slot: 9 };
  expect(unreadHere({ ...answer, outcome: "answered" }, "full")).toMatchObject({
    status: grpc.status.ABORTED,
    message: "its answer found no room: full; look before you send it again",
    outcome: "unknown",
  });
});

test("a client that takes no answer while some wait is done with after a while, and one that takes any is not", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  try {
    const { call, send, execute, turn } = make({ maxUnreadMs: 1_000 });
    call.takes = false;
    send(1, 2, 3);
    execute(1);
    await turn();
    execute(2);
    vi.advanceTimersByTime(900);
    call.emit("drain");
    await turn();
    vi.advanceTimersByTime(900);
    expect(call.errors).toEqual([]);
    vi.advanceTimersByTime(100);
    expect(call.errors).toMatchObject([{ code: grpc.status.RESOURCE_EXHAUSTED }]);
  } finally {
    vi.useRealTimers();
  }
});

test("answers that nobody reads leave room for those of other connections", async () => {
  const unread = unreadPlaces(4 << 20);
  const limits = { maxUnreadBytes: 16 << 20 };
  const answer = Buffer.alloc(900 << 10);
  const idle = make(limits, unread, "idle");
  idle.call.takes = false;
  idle.send(1, 2, 3, 4);
  idle.execute(1);
  await idle.turn();
  for (const sequence of [2, 3, 4]) idle.execute(sequence, answer);
  const reading = make(limits, unread, "reading");
  reading.send(1);
  reading.execute(1, answer);
  await reading.turn();
  expect(reading.statuses()).toMatchObject([{ status: 0 }]);
  idle.call.takes = true;
  idle.call.emit("drain");
  await idle.turn();
  expect(idle.statuses().map(({ status }) => status)).toEqual([0, 0, 0, grpc.status.RESOURCE_EXHAUSTED]);
  expect(unread.bytes).toBe(0);
});

test("a request that is no valid command has an answer of its own, and the others are executed", async () => {
  const { call, requests, execute, statuses, turn } = make();
  const wrong = new Unreadable(
    { clientId: "7.0", sequence: 2 },
    new WireError("Command.service", "a name", "none"),
  );
  call.emit("data", [add(1), wrong, add(3)]);
  expect(requests.waiting).toBe(2);
  for (const sequence of [1, 3]) execute(sequence);
  await turn();
  expect(call.errors).toEqual([]);
  expect(statuses()).toEqual([
    { sequence: 2, status: grpc.status.INVALID_ARGUMENT, outcome: "not-executed" },
    { sequence: 1, status: 0, outcome: "answered" },
    { sequence: 3, status: 0, outcome: "answered" },
  ]);
  call.emit("end");
  expect(call.end).toHaveBeenCalledTimes(1);
});

test("while the replica cannot take more, answers leave and nothing is read", async () => {
  const { call, replica, send, execute, sequences, turn } = make();
  replica.takes = false;
  send(1, 2);
  expect(call.pause).toHaveBeenCalled();
  execute(1);
  await turn();
  expect(sequences()).toEqual([[1]]);
  expect(call.resume).not.toHaveBeenCalled();
  replica.takes = true;
  for (const callback of replica.whenReadable) callback();
  expect(call.resume).toHaveBeenCalledTimes(1);
});

test("large answers go in several messages", async () => {
  const { send, execute, sequences, turn } = make({ maxUnreadBytes: 16 << 20 });
  send(1, 2, 3);
  for (const sequence of [1, 2, 3]) execute(sequence, Buffer.alloc(700 << 10));
  await turn();
  expect(sequences()).toEqual([[1, 2], [3]]);
});

test("it ends when the client has sent everything and got every answer", async () => {
  const { call, send, execute, turn } = make();
  send(1);
  call.emit("end");
  expect(call.end).not.toHaveBeenCalled();
  execute(1);
  await turn();
  expect(call.end).toHaveBeenCalledTimes(1);
});

test("a client that is gone is not waited for, and the answers that it did not read count no longer", async () => {
  const unread = unreadPlaces();
  const { requests, call, send, execute, turn } = make({}, unread);
  call.takes = false;
  send(1, 2, 3);
  for (const sequence of [1, 2]) {
    execute(sequence);
    await turn();
  }
  expect(unread.bytes).toBeGreaterThan(0);
  call.emit("close");
  expect([requests.waiting, unread.bytes]).toEqual([0, 0]);
});
