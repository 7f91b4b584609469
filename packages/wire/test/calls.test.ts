import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import type { FromAcceptor, P1a, ToAcceptor } from "@synod/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  acceptorService,
  callUnary,
  type Hello,
  type Incoming,
  openStream,
  receive,
  WireError,
} from "../src/index.js";

const ballot = { round: 1, leader: "l1", incarnation: 7 };
const trim = { below: 1, configurations: [] };
const badAnswer = {
  kind: "p2b",
  acceptor: "no name",
  store: "s1",
  asked: ballot,
  slot: 1,
  promised: ballot,
} as const;
const hello: Hello = {
  kind: "hello",
  clusterId: "c1",
  id: "l1",
  role: "leader",
  oldestVersion: 1,
  newestVersion: 1,
  slotOut: 1,
  configurations: [],
};

type Vote = ServerDuplexStream<Incoming<Hello | ToAcceptor>, Incoming<Hello | FromAcceptor>>;

const server = new Server();
let client: Client;
const taken: string[] = [];

beforeAll(async () => {
  server.addService(acceptorService, {
    Vote: (call: Vote) => {
      receive(call, (message) => {
        taken.push(message.kind);
        if (message.kind === "hello")
          call.write({ ...hello, id: "a1", role: "acceptor", store: "s1", startCount: 1 });
        if (message.kind === "heartbeat") call.write(badAnswer);
      });
      call.on("end", () => call.end());
    },
    Prepare: (call: ServerUnaryCall<P1a, unknown>, callback: sendUnaryData<object>) => {
      const message = call.request;
      callback(null, {
        kind: "p1b" as const,
        acceptor: "a1",
        store: "s1",
        asked: message.ballot,
        configuration: message.configuration,
        from: message.from,
        scout: message.scout,
        promised: message.ballot,
        accepted: [],
        next: 0,
        trim,
      });
    },
    Accept: (_: unknown, callback: sendUnaryData<object>) => callback(null, badAnswer),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
});

afterAll(() => {
  client.close();
  server.forceShutdown();
});

/** A peer that writes whatever bytes it likes. */
function rawStream(path: string, bytes: Buffer): Promise<{ code: number; details: string }> {
  return new Promise((resolve) => {
    const call = client.makeBidiStreamRequest(
      path,
      (message: Buffer) => message,
      (answer: Buffer) => answer,
    );
    call.on("data", () => undefined);
    call.on("error", () => undefined);
    call.on("status", ({ code, details }) => resolve({ code, details }));
    call.write(bytes);
  });
}

describe("over gRPC", () => {
  it("a unary call carries messages of the domain both ways", async () => {
    const message = { kind: "p1a", ballot, configuration: 1, from: 3, scout: 2 } as const;
    const answer = await callUnary(client, acceptorService.Prepare, message);
    expect(answer).toMatchObject({ kind: "p1b", asked: ballot, from: 3, scout: 2, trim });
  });

  it("a stream does too", async () => {
    const answer = await new Promise<Hello | FromAcceptor>((resolve, reject) => {
      const stream = openStream(client, acceptorService.Vote, (message) => {
        stream.end();
        resolve(message);
      });
      stream.on("error", reject);
      stream.write(hello);
    });
    expect(answer).toMatchObject({ kind: "hello", role: "acceptor", store: "s1", startCount: 1 });
  });

  it("an invalid message ends a stream with INVALID_ARGUMENT and the reason, and is not taken", async () => {
    taken.length = 0;
    expect(await rawStream(acceptorService.Vote.path, Buffer.from([0x12, 0]))).toEqual({
      code: status.INVALID_ARGUMENT,
      details: "ToAcceptor.p1a.ballot: expected a message, found nothing",
    });
    expect(taken).toEqual([]);
  });

  it("an invalid answer to a unary call rejects with the reason", async () => {
    const message = {
      kind: "p2a",
      pvalue: { ballot, slot: 1, value: { kind: "no-op" } },
    } as const;
    const error = await callUnary(client, acceptorService.Accept, message).catch((caught) => caught);
    expect(error).toBeInstanceOf(WireError);
    expect(error.message).toContain("P2b.acceptor: expected a name");
  });

  it("an invalid answer on a stream cancels it with INVALID_ARGUMENT and the reason", async () => {
    const error = await new Promise<{ code: number; details: string }>((resolve) => {
      const stream = openStream(client, acceptorService.Vote, () => undefined);
      stream.on("error", (caught) => resolve(caught as unknown as { code: number; details: string }));
      stream.write({ kind: "heartbeat", ballot, beat: 1 });
    });
    expect(error.code).toBe(status.INVALID_ARGUMENT);
    expect(error.details).toContain("FromAcceptor.p2b.acceptor: expected a name");
  });
});
