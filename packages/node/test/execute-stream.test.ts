import { EventEmitter } from "node:events";
import * as grpc from "@grpc/grpc-js";
import type { Command } from "@synod/core";
import type { Response } from "@synod/wire";
import { expect, test, vi } from "vitest";
import {
  ExecuteStream,
  type ExecuteStreamCall,
  type ExecuteStreamLimits,
} from "../src/replica/requests/execute-stream.js";
import { Requests } from "../src/replica/requests/requests.js";
import { SystemCommands } from "../src/replica/system-commands.js";

/** A server's stream that the test reads from, or does not. */
class FakeCall extends EventEmitter {
  readonly written: (readonly Response[])[] = [];
  readonly pause = vi.fn();
  readonly resume = vi.fn();
  readonly end = vi.fn();
  readonly errors: { code: grpc.status; details: string }[] = [];
  takes = true;

  constructor() {
    super();
    this.on("error", (error) => this.errors.push(error));
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

function make(limits: Partial<ExecuteStreamLimits> = {}, unread = { bytes: 0 }) {
  const requests = new Requests({
    engine: {
      ...{ answerTo: () => undefined, lacksRoom: () => undefined, validate: () => undefined },
      isQuery: () => false,
    },
    commands: new SystemCommands(),
    propose: () => {},
    proposeAgain: () => {},
    obstacle: () => "",
    doubt: () => undefined,
  });
  const call = new FakeCall();
  const bounds = { maxOutstanding: 4, maxUnreadBytes: 1 << 20, maxUnreadBytesOfAll: 1 << 24, ...limits };
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
  const execute = (sequence: number, response = Buffer.from("ok")) =>
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
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  return { requests, call, replica, send, execute, sequences, turn };
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

test("a client that never reads its answers is ended, not remembered for ever", async () => {
  const { call, send, execute, turn } = make({ maxUnreadBytes: 1000 });
  call.takes = false;
  send(1, 2, 3);
  execute(1);
  await turn();
  execute(2, Buffer.alloc(600));
  execute(3, Buffer.alloc(600));
  expect(call.errors).toMatchObject([{ code: grpc.status.RESOURCE_EXHAUSTED }]);
});

test("of all clients together, one that does not read is ended, and not one that does", async () => {
  const unread = { bytes: 0 };
  const limits = { maxUnreadBytes: 16 << 20, maxUnreadBytesOfAll: 4 << 20 };
  const idle = [make(limits, unread), make(limits, unread)];
  const reading = make(limits, unread);
  for (const { call, send, execute, turn } of idle) {
    call.takes = false;
    send(1, 2, 3, 4);
    execute(1);
    await turn();
    for (const sequence of [2, 3]) execute(sequence, Buffer.alloc(900 << 10));
  }
  reading.send(1);
  reading.execute(1, Buffer.alloc(900 << 10));
  await reading.turn();
  expect(reading.call.errors).toEqual([]);
  expect(reading.sequences()).toEqual([[1]]);
  for (const { execute } of idle) execute(4, Buffer.alloc(900 << 10));
  expect(idle.map(({ call }) => call.errors.map(({ code }) => code))).toEqual([
    [grpc.status.RESOURCE_EXHAUSTED],
    [],
  ]);
  expect(unread.bytes).toBeLessThan(3 << 20);
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

test("a client that is gone is not waited for", () => {
  const { requests, call, send } = make();
  send(1, 2);
  call.emit("close");
  expect(requests.waiting).toBe(0);
});
