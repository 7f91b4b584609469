import * as grpc from "@grpc/grpc-js";
import type { Message } from "@synod/core";
import { expect, onTestFinished, test } from "vitest";
import { Callers, longestWaitMs, waitMs, waitWithoutDeadlineMs } from "../src/transport/callers.js";
import { unary } from "../src/transport/server.js";

const callWith = (leftMs: number) => ({ timeLeftMs: () => leftMs });

test.each([
  [100, 75],
  [400, 350],
  [2_000, 1_800],
  [20_000, 19_500],
  [60_000, 59_500],
  [longestWaitMs, longestWaitMs - 500],
  [2 ** 40, longestWaitMs],
  [Number.POSITIVE_INFINITY, waitWithoutDeadlineMs],
])(
  "of %d ms that a caller waits, %d are waited here: the reason must arrive before it gives up",
  (left, waits) => {
    expect(waitMs(callWith(left))).toBe(waits);
  },
);

test("a call that got no answer leaves its place to others, and who finds none is told at once", async () => {
  const callers = new Callers(3);
  const asked: string[] = [];
  const ask = (leftMs: number, onCancelled: (gone: () => void) => void = () => {}, peer = "h:1") =>
    callers.ask({
      call: { request: {}, metadata: new grpc.Metadata(), peer, onCancelled, ...callWith(leftMs) },
      ask: (id) => asked.push(id),
      take: (message: Message) => (message.kind === "ping" ? message.number : undefined),
      describe: (waitedMs) => `nothing within ${waitedMs} ms`,
    });
  const { CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED } = grpc.status;
  await expect(ask(4)).rejects.toMatchObject({ code: DEADLINE_EXCEEDED, message: "nothing within 3 ms" });
  await expect(ask(60_000, (gone) => setImmediate(gone))).rejects.toMatchObject({ code: CANCELLED });
  const answered = [ask(60_000), ask(60_000)];
  await expect(ask(60_000)).rejects.toMatchObject({
    code: RESOURCE_EXHAUSTED,
    message: expect.stringMatching(/^2 calls of this connection wait in this process already/),
  });
  // Whoever has less finds a place, until there is none.
  answered.push(ask(60_000, () => {}, "h:2"));
  await expect(ask(60_000, () => {}, "h:3")).rejects.toMatchObject({
    code: RESOURCE_EXHAUSTED,
    message: "3 calls wait in this process already; try again later",
  });
  const ids = asked.slice(-3);
  for (const id of ids)
    for (const kind of ["halt", "ping"] as const)
      callers.deliver(id, { kind, number: 7 } as unknown as Message);
  expect(await Promise.all(answered)).toEqual([7, 7, 7]);
  const id = ids[0] as string;
  expect(callers.deliver(id, { kind: "ping", number: 8 })).toBe(false);
});

const bytes = (value: Buffer) => value;

test("a call that names a deadline is waited for until it, above 30 s too, and one without for 30 s", async () => {
  const path = "/t.T/Ask";
  const types = {
    ...{ requestStream: false, responseStream: false },
    ...{ requestSerialize: bytes, requestDeserialize: bytes },
  };
  const waits: number[] = [];
  const server = new grpc.Server();
  server.addService(
    { Ask: { path, ...types, responseSerialize: bytes, responseDeserialize: bytes } },
    {
      Ask: unary<Buffer, Buffer>((call) => {
        waits.push(waitMs(call));
        return { response: call.request };
      }),
    },
  );
  onTestFinished(() => server.forceShutdown());
  const port = await new Promise<number>((resolve) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (_, bound) => resolve(bound)),
  );
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  onTestFinished(() => client.close());
  const ask = (options: grpc.CallOptions) =>
    new Promise<void>((resolve, reject) =>
      client.makeUnaryRequest(path, bytes, bytes, Buffer.alloc(1), options, (error) =>
        error ? reject(error) : resolve(),
      ),
    );
  for (const leftMs of [60_000, 3_600_000]) await ask({ deadline: Date.now() + leftMs });
  await ask({});
  const [minute = 0, ...others] = waits;
  expect(minute).toBeGreaterThan(50_000);
  expect(minute).toBeLessThan(60_000);
  expect(others).toEqual([longestWaitMs, waitWithoutDeadlineMs]);
});
