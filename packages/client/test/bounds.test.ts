// The client's own bounds, and its pauses: what it asks again must not add to what keeps it waiting.
import { status as Code } from "@grpc/grpc-js";
import type { Command } from "@synod/core";
import { eventLoop } from "@synod/wire";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CommandClient } from "../src/client.js";
import type { SynodError } from "../src/error.js";
import { type ClientSettings, defaultSettings } from "../src/settings.js";
import { answerTo, FakeCluster, FakeReplica } from "./fake-replica.js";

const open: CommandClient[] = [];

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  for (const client of open.splice(0)) client.close();
  vi.useRealTimers();
});

function start(replicas: number, settings: Partial<ClientSettings> = {}) {
  const cluster = new FakeCluster();
  const fakes = Array.from({ length: replicas }, (_, index) => new FakeReplica(`r${index + 1}:1`, cluster));
  const scheduler = { ...eventLoop, nowMs: () => Date.now() };
  const client = new CommandClient(
    fakes,
    { ...defaultSettings, silenceMs: 100, deadlineMs: 60_000, ...settings },
    scheduler,
  );
  open.push(client);
  const outcomes: unknown[] = [];
  const execute = (text: string | Uint8Array, service = "test.v1.Echo") => {
    const call = client.execute(service, "Echo", Buffer.from(text));
    call.then(
      () => outcomes.push("answered"),
      ({ code, outcome }: SynodError) => outcomes.push([code, outcome]),
    );
  };
  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
  return { cluster, replicas: fakes as [FakeReplica, FakeReplica], client, execute, outcomes, pass };
}

const textsOf = (commands: readonly Command[]) =>
  commands.map(({ request }) => Buffer.from(request).toString());

test("a message that no replica reads costs the one call that is to blame, and no other", async () => {
  const { replicas, execute, outcomes, pass } = start(2);
  for (const replica of replicas)
    replica.unreadable = ({ request }) => String(Buffer.from(request)) === "poison";
  for (const text of ["a", "poison", "b", "c"]) execute(text);
  await pass(20);
  // What was sent before with the same message may have been read elsewhere, for all that is known.
  expect(outcomes).toEqual(["answered", [Code.INVALID_ARGUMENT, "unknown"], "answered", "answered"]);
  execute("d");
  await pass(100);
  expect(outcomes.at(-1)).toBe("answered");
  const received = replicas.flatMap((replica) => textsOf(replica.received));
  expect(received.sort()).toEqual(["a", "b", "c", "d"]);
});

test("a stream of its own that breaks for another reason has its call go elsewhere", async () => {
  const { replicas, execute, outcomes, pass } = start(2);
  replicas[0].unreadable = ({ request }) => String(Buffer.from(request)) === "poison";
  replicas[0].behaviour = () => undefined;
  for (const text of ["a", "poison"]) execute(text);
  await pass(20);
  replicas[0].down = true;
  replicas[0].breakStream("connection lost");
  await pass(5_000);
  expect(outcomes).toContain("answered");
});

test("the bytes outstanding have a bound, and one call has room by itself however large", async () => {
  const { cluster, replicas, execute, pass } = start(1, { maxOutstandingBytes: 1_000 });
  const held: Command[] = [];
  replicas[0].behaviour = (command) => {
    held.push(command);
    return undefined;
  };
  for (const size of [400, 400, 400, 5_000, 10]) execute(Buffer.alloc(size, 97));
  await pass(10);
  expect(held.map(({ request }) => request.length)).toEqual([400, 400]);
  const answer = async (command: Command) => {
    replicas[0].answer(cluster.execute(command));
    await pass(10);
  };
  await answer(held[0] as Command);
  expect(held.map(({ request }) => request.length)).toEqual([400, 400, 400]);
  await answer(held[1] as Command);
  await answer(held[2] as Command);
  expect(held.at(-1)?.request.length).toBe(5_000);
  await answer(held[3] as Command);
  expect(held.at(-1)?.request.length).toBe(10);
});

test("the bytes that wait have a bound, beyond which a call fails at once", async () => {
  const { replicas, execute, outcomes, pass } = start(1, { maxOutstanding: 1, maxWaitingBytes: 1_000 });
  replicas[0].behaviour = () => undefined;
  execute("first");
  await pass(10);
  for (const size of [600, 300, 300]) execute(Buffer.alloc(size, 97));
  await pass(1);
  expect(outcomes).toEqual([[Code.RESOURCE_EXHAUSTED, "not executed"]]);
});

test("services take turns, however many calls of one wait", async () => {
  const { replicas, execute, pass } = start(1, { maxOutstanding: 1 });
  for (let index = 0; index < 50; index++) execute(`a${index}`, "test.v1.Greedy");
  execute("b0", "test.v1.Other");
  await pass(1_000);
  expect(textsOf(replicas[0].received).slice(0, 4)).toEqual(["a0", "b0", "a1", "a2"]);
});

test("a lost connection is tried again with growing pauses, which begin anew after an answer", async () => {
  const { replicas, execute, pass } = start(1);
  execute("first");
  await pass(10);
  replicas[0].down = true;
  replicas[0].breakStream("connection lost");
  const before = replicas[0].streamsOpened;
  execute("second");
  await pass(10_000);
  expect(replicas[0].streamsOpened - before).toBeLessThan(16);
  replicas[0].down = false;
  await pass(2_000);
  replicas[0].down = true;
  replicas[0].breakStream("connection lost");
  const again = replicas[0].streamsOpened;
  execute("third");
  await pass(400);
  expect(replicas[0].streamsOpened - again).toBeGreaterThanOrEqual(3);
});

test("a session that cannot be opened is asked for with growing pauses", async () => {
  const { replicas, execute, pass } = start(1);
  replicas[0].down = true;
  execute("first");
  await pass(1_000);
  expect(replicas[0].openings).toBeGreaterThanOrEqual(3);
  await pass(19_000);
  expect(replicas[0].openings).toBeLessThan(26);
});

test("a call that gets no answer goes again with growing pauses", async () => {
  const { replicas, execute, pass } = start(2);
  for (const replica of replicas) replica.behaviour = () => undefined;
  execute("first");
  await pass(40_000);
  const attempts = replicas[0].received.length + replicas[1].received.length;
  expect(attempts).toBeGreaterThan(8);
  expect(attempts).toBeLessThan(24);
});

test("a call that finds no room goes again with growing pauses", async () => {
  const { replicas, execute, pass } = start(1);
  replicas[0].behaviour = (command) =>
    answerTo(command, { status: Code.RESOURCE_EXHAUSTED, message: "no room", outcome: "not-executed" });
  execute("first");
  await pass(10_000);
  expect(replicas[0].received.length).toBeGreaterThan(10);
  expect(replicas[0].received.length).toBeLessThan(40);
});

test("a replica that takes connections and answers nothing is connected to with growing pauses", async () => {
  const { replicas, execute, pass } = start(1);
  let connections = 0;
  replicas[0].openStream = (events) => {
    connections++;
    setImmediate(() => {
      events.drained();
      events.ended(Code.UNAVAILABLE, "not now");
    });
    return { writable: false, send: () => true, close: () => {} };
  };
  execute("first");
  await pass(10_000);
  expect(connections).toBeGreaterThanOrEqual(10);
  expect(connections).toBeLessThan(16);
});

test("calls that wait for room have it when one that held it is out of time", async () => {
  const { client, replicas, execute, pass } = start(1, { maxOutstanding: 1 });
  replicas[0].behaviour = () => undefined;
  const late = client.execute("test.v1.Echo", "Echo", Buffer.from("late"), 500);
  const outcome = late.catch(({ code }: SynodError) => code);
  execute("next");
  await pass(499);
  expect(textsOf(replicas[0].received)).not.toContain("next");
  await pass(10);
  expect(await outcome).toBe(Code.DEADLINE_EXCEEDED);
  expect(replicas[0].received.at(-1)).toMatchObject({ sequence: 2, acknowledged: 1 });
});

test("a trouble that was over before a call began is not told as the reason why it had no answer", async () => {
  const { client, replicas, pass } = start(1);
  replicas[0].behaviour = () => undefined;
  const fails = async (ms: number) => {
    const call = client.execute("test.v1.Echo", "Echo", Buffer.from("a"), ms);
    const outcome = call.catch(({ code }: SynodError) => code);
    await pass(ms);
    return outcome;
  };
  replicas[0].troubles = "no leader is active";
  expect(await fails(900)).toBe(Code.UNAVAILABLE);
  replicas[0].troubles = "";
  expect(await fails(150)).toBe(Code.DEADLINE_EXCEEDED);
});
