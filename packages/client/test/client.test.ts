import { status as Code } from "@grpc/grpc-js";
import type { Command } from "@synod/core";
import { maxRequestBytes } from "@synod/wire";
import { afterEach, describe, expect, it, vi } from "vitest";
import { CommandClient } from "../src/client.js";
import { OutcomeUnknown, SynodError } from "../src/error.js";
import { type ClientSettings, defaultSettings } from "../src/settings.js";
import { answerTo, FakeCluster, FakeReplica } from "./fake-replica.js";

const open: CommandClient[] = [];

afterEach(() => {
  for (const client of open.splice(0)) client.close();
});

function start(replicas: number, settings: Partial<ClientSettings> = {}) {
  const cluster = new FakeCluster();
  const fakes = Array.from({ length: replicas }, (_, index) => new FakeReplica(`r${index + 1}:1`, cluster));
  const client = new CommandClient(fakes, {
    ...defaultSettings,
    silenceMs: 100,
    deadlineMs: 5_000,
    ...settings,
  });
  open.push(client);
  const execute = (text: string, deadlineMs?: number) =>
    client.execute("test.v1.Echo", "Echo", Buffer.from(text), deadlineMs);
  return { cluster, replicas: fakes as [FakeReplica, FakeReplica, FakeReplica], client, execute };
}

async function failure(call: Promise<unknown>): Promise<SynodError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SynodError);
  return error as SynodError;
}

/** Refuses what comes under one session, as the log does when it is gone. */
function whenGone(session: string | undefined, cluster: FakeCluster) {
  return (command: Command) =>
    command.clientId === session
      ? answerTo(command, {
          ...{ status: Code.ABORTED, message: "session unknown", slot: 9 },
          outcome: "not-executed",
        })
      : cluster.execute(command);
}

const textsOf = (commands: readonly Command[]) =>
  commands.map(({ request }) => Buffer.from(request).toString());

describe("a client", () => {
  it("answers each of many outstanding calls with its own response", async () => {
    const { execute, cluster } = start(3);
    const texts = Array.from({ length: 3_000 }, (_, index) => `command ${index}`);
    const replies = await Promise.all(texts.map((text) => execute(text)));
    expect(replies.map((reply) => Buffer.from(reply.response).toString())).toEqual(texts);
    expect(cluster.executed).toHaveLength(3_000);
  });

  it("never has more sequences outstanding than the window allows", async () => {
    const { execute, replicas } = start(1, { maxOutstanding: 10 });
    replicas[0].behaviour = () => undefined;
    const calls = Array.from({ length: 30 }, (_, index) => execute(`${index}`));
    for (const call of calls) call.catch(() => undefined);
    await vi.waitFor(() => expect(replicas[0].received).toHaveLength(10));
    replicas[0].behaviour = (command) => replicas[0].cluster.execute(command);
    for (const command of [...replicas[0].received]) replicas[0].answer(replicas[0].cluster.execute(command));
    await Promise.all(calls);
  });

  it("sends an acknowledged mark below every sequence without an answer", async () => {
    const { execute, replicas, cluster } = start(1);
    const held = new Set(["3"]);
    replicas[0].behaviour = (command) =>
      held.has(Buffer.from(command.request).toString()) ? undefined : cluster.execute(command);
    await execute("1");
    await execute("2");
    const third = execute("3");
    await execute("4");
    await execute("5");
    expect(replicas[0].received.at(-1)).toMatchObject({ sequence: 5, acknowledged: 2 });
    const command = replicas[0].received.find((one) => one.sequence === 3);
    if (command) replicas[0].answer(cluster.execute(command));
    await third;
    await execute("6");
    expect(replicas[0].received.at(-1)).toMatchObject({ sequence: 6, acknowledged: 5 });
  });

  it("takes the calls of a lost connection to the next replica, unchanged", async () => {
    const { execute, replicas, cluster } = start(3);
    replicas[0].behaviour = (command) => {
      cluster.execute(command);
      return undefined;
    };
    const calls = ["a", "b", "c"].map((text) => execute(text));
    await vi.waitFor(() => expect(replicas[0].received).toHaveLength(3));
    replicas[0].breakStream("connection reset");
    const replies = await Promise.all(calls);
    expect(replies.map((reply) => Buffer.from(reply.response).toString())).toEqual(["a", "b", "c"]);
    expect(replicas[1].received).toEqual(replicas[0].received);
    expect(cluster.executed).toHaveLength(3);
  });

  it("asks another replica when one stays silent, and sends later commands there", async () => {
    const { execute, replicas, cluster } = start(3);
    replicas[0].behaviour = () => undefined;
    await execute("a");
    expect(replicas[1].received).toEqual(replicas[0].received);
    await execute("b");
    expect(replicas[0].received).toHaveLength(1);
    expect(cluster.executed).toHaveLength(2);
  });

  it("asks the third one when the first two stay silent", async () => {
    const { execute, replicas } = start(3);
    replicas[0].behaviour = () => undefined;
    replicas[1].behaviour = () => undefined;
    await execute("a");
    expect(replicas.map(({ received }) => received.length > 0)).toEqual([true, true, true]);
  });

  it("asks another one also for a call that waited for a session while the last call before it ended", async () => {
    const { execute, replicas } = start(2);
    for (const replica of replicas) replica.down = true;
    const expired = failure(execute("a", 50));
    const waiting = execute("b");
    await expired;
    for (const replica of replicas) {
      replica.down = false;
      replica.behaviour = (command) => (replica === answering ? replica.cluster.execute(command) : undefined);
    }
    // Whichever is asked first says nothing.
    let answering: FakeReplica | undefined;
    await vi.waitFor(() => expect(replicas.some(({ received }) => received.length > 0)).toBe(true));
    answering = replicas.find(({ received }) => received.length === 0);
    await waiting;
  });

  it("tries a replica that answers UNAVAILABLE no further, and another one at once", async () => {
    const { execute, replicas } = start(3);
    replicas[0].behaviour = (command) =>
      answerTo(command, { status: Code.UNAVAILABLE, message: "no leader", outcome: "not-executed" });
    await execute("a");
    expect(replicas[1].received).toHaveLength(1);
  });

  it("takes an answer as the command's, whatever its status, and keeps its session", async () => {
    const { execute, replicas, client } = start(3);
    for (const status of [Code.UNAVAILABLE, Code.ABORTED]) {
      replicas[0].behaviour = (command) =>
        answerTo(command, { status, message: "said the service", slot: 7 });
      const error = await failure(execute("a"));
      expect(error).toMatchObject({ code: status, outcome: "answered", slot: 7 });
      expect(error).not.toBeInstanceOf(OutcomeUnknown);
    }
    expect(client.clientId).toBe("1.0");
    expect(replicas[1].received).toHaveLength(0);
  });

  it("asks every replica for what one does not know, none twice, and then says so", async () => {
    const { execute, replicas } = start(3);
    const unimplemented = (command: Command) =>
      answerTo(command, { status: Code.UNIMPLEMENTED, message: "no such method", outcome: "not-executed" });
    replicas[0].behaviour = unimplemented;
    replicas[1].behaviour = unimplemented;
    expect(Buffer.from((await execute("a")).response).toString()).toBe("a");
    replicas[2].behaviour = unimplemented;
    expect(await failure(execute("b"))).toMatchObject({
      code: Code.UNIMPLEMENTED,
      outcome: "not executed",
    });
    expect(replicas.map(({ received }) => received.length)).toEqual([2, 2, 2]);
    replicas[1].breakStream("connection reset");
    replicas[1].down = true;
    expect(await failure(execute("c"))).toMatchObject({ code: Code.UNIMPLEMENTED });
  });

  it("waits for what other replicas say of a refused request, but not for a silent one", async () => {
    const { execute, replicas } = start(3, { sendToAll: true });
    for (const replica of replicas)
      replica.behaviour = (command) =>
        answerTo(command, { status: Code.INVALID_ARGUMENT, message: "no message", outcome: "not-executed" });
    const refusal = { code: Code.INVALID_ARGUMENT, reason: "no message" };
    expect(await failure(execute("a"))).toMatchObject({ ...refusal, outcome: "not executed" });
    replicas[1].behaviour = () => undefined;
    expect(await failure(execute("b"))).toMatchObject({ ...refusal, outcome: "unknown" });
  });

  it("sends a refused request to nobody else, and knows that it was not executed", async () => {
    const { execute, replicas } = start(3);
    replicas[0].behaviour = (command) =>
      answerTo(command, { status: Code.INVALID_ARGUMENT, message: "no message", outcome: "not-executed" });
    expect(await failure(execute("a"))).toMatchObject({
      code: Code.INVALID_ARGUMENT,
      outcome: "not executed",
    });
    expect(replicas[1].received).toHaveLength(0);
  });

  it("ignores a second answer to the same command", async () => {
    const { execute, replicas, cluster } = start(1);
    await execute("a");
    const first = replicas[0].received[0];
    if (first) replicas[0].answer(cluster.execute(first));
    const reply = await execute("b");
    expect(Buffer.from(reply.response).toString()).toBe("b");
    expect(cluster.executed).toHaveLength(2);
  });

  it("sends a command that certainly was not executed again, under a new session, when its own is gone", async () => {
    const { execute, replicas, client, cluster } = start(2);
    await execute("a");
    const before = client.clientId;
    replicas[0].behaviour = whenGone(before, cluster);
    const replies = await Promise.all(["b", "c"].map((text) => execute(text)));
    expect(replies.map((reply) => Buffer.from(reply.response).toString())).toEqual(["b", "c"]);
    expect(client.clientId).toBe("2.0");
    expect(textsOf(cluster.executed)).toEqual(["a", "b", "c"]);
  });

  it("never sends a command again that may have been executed before its session was gone", async () => {
    const { execute, replicas, client, cluster } = start(2);
    await execute("a");
    const before = client.clientId;
    replicas[0].behaviour = () => undefined;
    for (const replica of replicas.slice(1)) replica.behaviour = whenGone(before, cluster);
    const call = failure(execute("b"));
    await vi.waitFor(() => expect(replicas[0].received).toHaveLength(2));
    replicas[0].breakStream("connection reset");
    const error = await call;
    expect(error).toBeInstanceOf(OutcomeUnknown);
    expect(error.outcome).toBe("unknown");
    await execute("c");
    expect(client.clientId).not.toBe(before);
    expect(textsOf(cluster.executed)).toEqual(["a", "c"]);
  });

  it("waits for the answer to an earlier attempt when a later one finds its session gone", async () => {
    const { execute, replicas, cluster, client } = start(2);
    await execute("a");
    replicas[0].behaviour = () => undefined;
    replicas[1].behaviour = whenGone(client.clientId, cluster);
    const call = execute("b");
    await vi.waitFor(() => expect(replicas[1].received).toHaveLength(1));
    const [, first] = replicas[0].received;
    if (first) replicas[0].answer(cluster.execute(first));
    expect(Buffer.from((await call).response).toString()).toBe("b");
    expect(textsOf(cluster.executed)).toEqual(["a", "b"]);
  });

  it("reaches a replica that comes back after all were down", async () => {
    const { execute, replicas } = start(2);
    await execute("a");
    for (const replica of replicas) replica.down = true;
    replicas[0].breakStream("connection reset");
    const call = execute("b");
    await vi.waitFor(() => expect(replicas[1].streamsOpened).toBeGreaterThan(1));
    replicas[1].down = false;
    await call;
  });

  it("sends every command to every replica in send-to-all mode and takes the first answer", async () => {
    const { execute, replicas, cluster } = start(3, { sendToAll: true });
    replicas[0].behaviour = () => undefined;
    await execute("a");
    for (const replica of replicas) {
      await vi.waitFor(() => expect(replica.received).toHaveLength(1));
    }
    expect(cluster.executed).toHaveLength(1);
  });
});

describe("a call's deadline", () => {
  it("ends it with DEADLINE_EXCEEDED when nobody said why, outcome unknown", async () => {
    const { execute, replicas } = start(1);
    replicas[0].behaviour = () => undefined;
    const error = await failure(execute("a", 150));
    expect(error).toMatchObject({ code: Code.DEADLINE_EXCEEDED, outcome: "unknown" });
    expect(error.message).toContain("no answer within 150 ms (it was sent to r1:1)");
  });

  it("ends it with UNAVAILABLE and the replica's problem when it tells one", async () => {
    const { execute, replicas } = start(1);
    replicas[0].behaviour = () => undefined;
    replicas[0].troubles = "2 of 3 acceptors needed: a1, a2 unreachable";
    const error = await failure(execute("a", 400));
    expect(error.code).toBe(Code.UNAVAILABLE);
    expect(error.message).toContain("2 of 3 acceptors needed: a1, a2 unreachable");
  });

  it("says that a command which reached no replica was not executed", async () => {
    const { execute, replicas } = start(2);
    for (const replica of replicas) replica.down = true;
    const error = await failure(execute("a", 200));
    expect(error).toMatchObject({ code: Code.UNAVAILABLE, outcome: "not executed" });
    expect(error.message).toContain("connection refused");
  });

  it("lets the mark pass the sequence given up, so that the window cannot fill with lost calls", async () => {
    const { execute, replicas, cluster } = start(1, { maxOutstanding: 2 });
    replicas[0].behaviour = () => undefined;
    await Promise.all([failure(execute("a", 100)), failure(execute("b", 100))]);
    replicas[0].behaviour = (command) => cluster.execute(command);
    await execute("c");
    expect(replicas[0].received.at(-1)).toMatchObject({ sequence: 3, acknowledged: 2 });
  });

  it("refuses a request that is too large, and a deadline that is none, before sending anything", async () => {
    const { client, replicas } = start(1);
    const large = new Uint8Array(maxRequestBytes + 1);
    expect(await failure(client.execute("s.S", "M", large))).toMatchObject({ outcome: "not executed" });
    expect(await failure(client.execute("s.S", "M", new Uint8Array(), 0))).toMatchObject({
      code: Code.INVALID_ARGUMENT,
    });
    expect(replicas[0].received).toHaveLength(0);
  });

  it("that no replica would read fails by itself, before anything is sent: the other calls of its stream go on", async () => {
    const { client, execute, replicas } = start(1);
    const text = "no bytes" as unknown as Uint8Array;
    const wrong: [string, string, Uint8Array, RegExp][] = [
      ["bank.v1.Ledger ", "Transfer", new Uint8Array(), /^INVALID_ARGUMENT: service: .*"bank.v1.Ledger "/],
      ["s".repeat(513), "M", new Uint8Array(), /^INVALID_ARGUMENT: service: expected/],
      ["s.S", "", new Uint8Array(), /^INVALID_ARGUMENT: method: expected/],
      ["s.S", "M", text, /^INVALID_ARGUMENT: expected the bytes of an encoded request/],
    ];
    for (const [service, method, request, says] of wrong) {
      const { outcome, message } = await failure(client.execute(service, method, request));
      expect([outcome, message]).toEqual(["not executed", expect.stringMatching(says)]);
    }
    await execute("a sound one");
    expect(textsOf(replicas[0].received)).toEqual(["a sound one"]);
  });

  it("is not waited for when the client is closed", async () => {
    const { client, execute, replicas } = start(1);
    replicas[0].behaviour = () => undefined;
    const call = failure(execute("a"));
    await vi.waitFor(() => expect(replicas[0].received).toHaveLength(1));
    client.close();
    expect(await call).toMatchObject({ code: Code.CANCELLED, outcome: "unknown" });
  });
});
