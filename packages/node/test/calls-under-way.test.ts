import { once } from "node:events";
import http2 from "node:http2";
import * as grpc from "@grpc/grpc-js";
import { expect, onTestFinished, test, vi } from "vitest";
import { HeldBytes, type Holder } from "../src/transport/held-bytes.js";
import { RequestBytes } from "../src/transport/request-bytes.js";
import { Server } from "../src/transport/server.js";

const maxBytes = 1 << 20;
const part = 300 << 10;
const enough = http2.constants.NGHTTP2_ENHANCE_YOUR_CALM;
const answerBytes = 256 << 10;
const bytes = (value: Buffer) => value;
const serialized = {
  ...{ requestSerialize: bytes, requestDeserialize: bytes },
  ...{ responseSerialize: bytes, responseDeserialize: bytes },
};
const single = { ...serialized, requestStream: false, responseStream: false };
const service = {
  Ask: { ...single, path: "/t.T/Ask" },
  Talk: { ...serialized, path: "/t.T/Talk", requestStream: true, responseStream: true },
  Wait: { ...serialized, path: "/t.T/Wait", requestStream: true, responseStream: true },
};

/** A server whose calls may hold 1 MiB. */
async function started() {
  const server = new Server(grpc.ServerCredentials.createInsecure(), "r1", "c", maxBytes);
  server.grpc.addService(service, {
    Ask: (_: unknown, answer: grpc.sendUnaryData<Buffer>) => answer(null, Buffer.alloc(answerBytes)),
    Talk: (call: grpc.ServerDuplexStream<Buffer, Buffer>) =>
      call.on("data", ({ length }: Buffer) => call.write(Buffer.alloc(1, length % 256))),
    Wait: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => call.once("data", () => call.pause()),
  });
  const port = await server.listen("127.0.0.1:0");
  const connect = async (settings: http2.Settings = {}) => {
    const session = http2.connect(`http://127.0.0.1:${port}`, { settings });
    session.on("error", () => {});
    await once(session, "remoteSettings");
    return session;
  };
  const sessions: http2.ClientHttp2Session[] = [];
  onTestFinished(async () => {
    for (const session of sessions) session.destroy();
    server.grpc.forceShutdown();
  });
  return async (settings?: http2.Settings) => {
    const session = await connect(settings);
    sessions.push(session);
    return (method: string, metadata = {}) => called(session, method, metadata);
  };
}

/** A call, and how it ended. */
function called(session: http2.ClientHttp2Session, method: string, metadata: http2.OutgoingHttpHeaders) {
  const stream = session.request({
    ":method": "POST",
    ":path": `/t.T/${method}`,
    "content-type": "application/grpc",
    ...metadata,
  });
  const end: { status?: unknown; details?: unknown; outcome?: unknown; code?: number; length: number } = {
    length: 0,
  };
  const told = (headers: http2.IncomingHttpHeaders) => {
    if (headers["grpc-status"] === undefined) return;
    const { "grpc-status": status, "grpc-message": details, "synod-outcome": outcome } = headers;
    Object.assign(end, { status, details, outcome });
  };
  stream
    .on("response", told)
    .on("trailers", told)
    .on("error", () => {});
  stream.on("data", ({ length }) => {
    end.length += length;
  });
  stream.on("close", () => {
    end.code = stream.rstCode ?? 0;
  });
  return { stream, end };
}

function message(length: number, here = length, compressed = false): Buffer {
  const framed = Buffer.alloc(5 + here);
  framed[0] = compressed ? 1 : 0;
  framed.writeUInt32BE(length, 1);
  return framed;
}

async function isAnswered(call: (method: string) => ReturnType<typeof called>, length = part): Promise<void> {
  const { stream, end } = call("Ask");
  stream.end(message(length));
  await vi.waitFor(() => expect(end).toMatchObject({ status: "0", code: 0, length: answerBytes + 5 }));
}

test.each([
  ["not whole", "Ask", message(3 * part, part)],
  ["whole, of callers that do not end", "Ask", message(part)],
  ["compressed, which may become as long as messages may be", "Ask", message(10, 10, true)],
  ["not whole, on streams of many", "Talk", message(3 * part, part)],
])(
  "requests that are %s take 1 MiB at most: who holds most is refused, and nobody else",
  async (_, method, sent) => {
    const connect = await started();
    const [hostile, other] = [await connect(), await connect()];
    const small = other("Ask");
    small.stream.write(message(2_000, 1_000));
    const calls = Array.from({ length: 8 }, () => hostile(method));
    for (const { stream } of calls) stream.write(sent);
    const ended = () => calls.filter(({ end }) => end.code === enough);
    await vi.waitFor(() => expect(ended().length).toBeGreaterThan(4));
    // Where the answer has begun, the code of its end says it all.
    for (const { end } of method !== "Ask" ? [] : ended())
      expect(end).toMatchObject({
        status: "8",
        outcome: "not-executed",
        details: expect.stringMatching("most"),
      });
    await isAnswered(other);
    small.stream.end(Buffer.alloc(1_000));
    await vi.waitFor(() => expect(small.end).toMatchObject({ status: "0", code: 0 }));
  },
);

test("of a stream whose handler waits one request is read ahead, and all of these take 1 MiB at most", async () => {
  const connect = await started();
  const [hostile, other] = [await connect(), await connect()];
  const two = Buffer.concat([message(30_000), message(30_000)]);
  const calls: ReturnType<typeof called>[] = [];
  // One after the other, so that never many are here in part.
  for (let count = 0; count < 40; count++) {
    const call = hostile("Wait");
    calls.push(call);
    await new Promise((resolve) => call.stream.write(two, resolve));
  }
  await vi.waitFor(() => expect(calls.filter(({ end }) => end.code === enough).length).toBeGreaterThan(0));
  await isAnswered(other);
});

test("metadata of calls that stay takes 1 MiB at most, and that of ordinary calls counts nothing", async () => {
  const connect = await started();
  const [hostile, other] = [await connect(), await connect()];
  const token = (length: number) => ({ token: "t".repeat(length) });
  const small = Array.from({ length: 2_000 }, () => other("Talk", token(900)));
  const calls = Array.from({ length: 32 }, () => hostile("Ask", token(32_000)));
  await vi.waitFor(() => expect(calls.filter(({ end }) => end.code === enough).length).toBe(16));
  expect(calls.find(({ end }) => end.code === enough)?.end).toMatchObject({ outcome: "not-executed" });
  expect(small.filter(({ end }) => end.code !== undefined).length).toBe(0);
  await isAnswered(other);
});

test("answers that nobody takes take 1 MiB at most: of who leaves most, calls are ended, and nobody else's", async () => {
  const connect = await started();
  const [hostile, other] = [await connect({ initialWindowSize: 0 }), await connect()];
  const calls = Array.from({ length: 8 }, () => hostile("Ask"));
  for (const { stream } of calls) stream.end(message(1));
  await vi.waitFor(() =>
    expect(calls.map(({ end }) => end.code).filter((code) => code === enough)).toHaveLength(5),
  );
  await isAnswered(other);
});

test("what a handler has, or a caller has taken, counts no more, however much it is in time", async () => {
  const connect = await started();
  const call = await connect();
  for (let count = 0; count < 8; count++) await isAnswered(call);
  const { stream, end } = call("Talk");
  for (let count = 0; count < 8; count++) stream.write(message(part));
  await vi.waitFor(() => expect(end.length).toBe(8 * 6));
  for (let count = 0; count < 4; count++) {
    const gone = (await connect())("Ask").stream;
    gone.write(message(2 * part, part));
    await vi.waitFor(() => expect(gone.writableLength).toBe(0));
    gone.session?.destroy();
  }
  await isAnswered(call, 3 * part);
});

test("room is made by the largest call of the connection that holds most", () => {
  const ended: string[] = [];
  const held = new HeldBytes(100);
  const connections = new Map<string, object>();
  const holders = new Map<string, Holder>();
  const holds = (name: string, taken: number) => {
    const connection = connections.get(name[0] as string) ?? {};
    connections.set(name[0] as string, connection);
    const holder = holders.get(name) ?? { end: () => ended.push(name) };
    holders.set(name, holder);
    held.holds(connection, holder, taken);
  };
  for (const [name, taken] of [
    ["a1", 45],
    ["b1", 20],
    ["b2", 30],
    ["c1", 5],
  ] as const)
    holds(name, taken);
  expect([ended, held.bytes]).toEqual([[], 100]);
  holds("c1", 6);
  expect([ended, held.bytes]).toEqual([["b2"], 71]);
  holds("a1", 0);
  holds("c2", 80);
  expect([ended, held.bytes]).toEqual([["b2", "c2"], 26]);
});

test("however requests are cut into pieces, the same is counted", () => {
  const sent = Buffer.concat([message(0), message(300), message(7, 7, true), message(50, 20)]);
  for (const size of [1, 2, 3, 5, 7, 64, sent.length]) {
    const counted = new RequestBytes();
    let last = 0;
    for (let at = 0; at < sent.length; at += size) {
      const data = sent.subarray(at, at + size);
      last = counted.take(data);
    }
    expect(last, `pieces of ${size}`).toBe(5 + 305 + (4 << 20) + 25);
    const left = [1, 2, 3, 4].map(() => counted.taken());
    expect(left).toEqual([305 + (4 << 20) + 25, (4 << 20) + 25, 25, 25]);
  }
});
