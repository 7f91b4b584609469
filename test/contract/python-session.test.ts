import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as grpc from "@grpc/grpc-js";
import { replicaService } from "@synod/wire";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Caller, python } from "../acceptance/support/truth-clients.mjs";

// The session class of examples/ledger/clients/python, before two replicas that say what a test has them say.

interface Said {
  readonly code: grpc.status;
  /** Undefined: no replica spoke, as when a connection breaks. */
  readonly outcome?: "answered" | "not-executed" | "unknown";
}

interface Received {
  readonly replica: number;
  readonly session: string;
  readonly sequence: number;
  readonly acknowledged: number;
}

const { ABORTED, INVALID_ARGUMENT, OK, UNAVAILABLE } = grpc.status;
const gone: Said = { code: ABORTED, outcome: "not-executed" };
const answered: Said = { code: OK, outcome: "answered" };
const raw = (bytes: Buffer) => bytes;
let sessions = 0;
let script: Said[] = [];
let received: Received[] = [];
const closing: (() => void)[] = [];
let session: Caller;

async function replica(number: number): Promise<string> {
  const server = new grpc.Server();
  server.addService(replicaService, {
    OpenSession: (_: unknown, callback: grpc.sendUnaryData<object>) =>
      callback(null, { clientId: `${++sessions}.0`, clusterId: "c" }),
  } as unknown as grpc.UntypedServiceImplementation);
  const method = {
    ...{ path: "/truth.v1.Truth/Do", requestStream: false, responseStream: false },
    ...{ requestSerialize: raw, requestDeserialize: raw, responseSerialize: raw, responseDeserialize: raw },
  };
  const Do: grpc.handleUnaryCall<Buffer, Buffer> = ({ request, metadata }, callback) => {
    const said = (key: string) => metadata.get(key).map(String)[0] ?? "";
    expect(said("synod-cluster")).toBe("c");
    const [sequence, acknowledged] = [said("synod-sequence"), said("synod-acknowledged")].map(Number);
    received.push({
      replica: number,
      session: said("synod-client-id"),
      sequence: sequence ?? 0,
      acknowledged: acknowledged ?? 0,
    });
    const { code, outcome } = script.shift() ?? answered;
    const trailer = new grpc.Metadata();
    if (outcome) trailer.set("synod-outcome", outcome);
    if (code === OK) callback(null, request, trailer);
    else callback({ code, details: "as scripted", metadata: trailer });
  };
  server.addService({ Do: method }, { Do });
  closing.push(() => server.forceShutdown());
  const port = await new Promise<number>((resolve, reject) => {
    const credentials = grpc.ServerCredentials.createInsecure();
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return `127.0.0.1:${port}`;
}

beforeAll(async () => {
  const directory = mkdtempSync(path.join(tmpdir(), "synod-python-session-"));
  closing.push(() => rmSync(directory, { recursive: true, force: true }));
  const callers = python(directory, [await replica(1), await replica(2)], 1);
  session = callers.find(({ way }) => way === "session") as Caller;
  closing.push(() => session.close());
});

afterAll(() => {
  for (const close of closing.reverse()) close();
});

async function call(...said: Said[]) {
  script = [...said];
  received = [];
  const before = sessions;
  const request = Buffer.from("x");
  const { outcome, code } = await session.call(0, { method: "Do", request, deadlineMs: 5_000 });
  return { outcome, code, opened: sessions - before, received };
}

test("each call has the next sequence, and acknowledges those before it", async () => {
  const first = await call();
  const second = await call();
  expect([first.outcome, second.outcome]).toEqual(["answered", "answered"]);
  const [one] = first.received;
  expect(second.received).toEqual([{ ...one, sequence: 2, acknowledged: 1 }]);
});

test("an attempt without an answer goes again, unchanged, to the next replica", async () => {
  const { outcome, received } = await call({ code: UNAVAILABLE }, { code: UNAVAILABLE, outcome: "unknown" });
  expect(outcome).toBe("answered");
  const [one, two, three] = received;
  expect([two, three]).toEqual([{ ...one, replica: 3 - (one?.replica ?? 0) }, one]);
});

test("what a service declares is its answer, ABORTED as well, and costs no session", async () => {
  const { outcome, code, received } = await call({ code: ABORTED, outcome: "answered" });
  expect({ outcome, code, attempts: received.length }).toEqual({
    outcome: "answered",
    code: ABORTED,
    attempts: 1,
  });
  expect((await call()).opened).toBe(0);
});

test("a command that was not executed goes on under a new session when its own is gone", async () => {
  const { outcome, opened, received } = await call({ code: UNAVAILABLE, outcome: "not-executed" }, gone);
  expect({ outcome, opened }).toEqual({ outcome: "answered", opened: 1 });
  expect(received.at(-1)).toMatchObject({ session: `${sessions}.0`, sequence: 1, acknowledged: 0 });
});

test("one that may have been executed is never sent under another session, and later calls have one", async () => {
  const { outcome, opened, received } = await call({ code: UNAVAILABLE, outcome: "unknown" }, gone);
  expect({ outcome, opened, attempts: received.length }).toEqual({
    outcome: "unknown",
    opened: 0,
    attempts: 2,
  });
  expect(await call()).toMatchObject({ outcome: "answered", opened: 1 });
});

test("what one replica refuses each other is asked for once", async () => {
  const refused: Said = { code: INVALID_ARGUMENT, outcome: "not-executed" };
  const { outcome, code, received } = await call(refused, refused);
  expect({ outcome, code, attempts: received.length }).toEqual({
    outcome: "not-executed",
    code: INVALID_ARGUMENT,
    attempts: 2,
  });
});
