import * as grpc from "@grpc/grpc-js";
import type { Message } from "@synod/core";
import { expect, test } from "vitest";
import { Callers, longestWaitMs, waitMs } from "../src/transport/callers.js";

const callWith = (leftMs: number) => ({ timeLeftMs: (maxMs: number) => Math.min(leftMs, maxMs) });

test.each([
  [100, 75],
  [400, 350],
  [2_000, 1_800],
  [20_000, 19_500],
  [Number.POSITIVE_INFINITY, longestWaitMs],
])(
  "of %d ms that a caller waits, %d are waited here: the reason must arrive before it gives up",
  (left, waits) => {
    expect(waitMs(callWith(left))).toBe(waits);
  },
);

test("a call that got no answer leaves its place to others, and who finds none is told at once", async () => {
  const callers = new Callers(1);
  const asked: string[] = [];
  const ask = (leftMs: number, onCancelled: (gone: () => void) => void = () => {}) =>
    callers.ask({
      call: { request: {}, metadata: new grpc.Metadata(), peer: "h:1", onCancelled, ...callWith(leftMs) },
      ask: (id) => asked.push(id),
      take: (message: Message) => (message.kind === "ping" ? message.number : undefined),
      describe: (waitedMs) => `nothing within ${waitedMs} ms`,
    });
  const { CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED } = grpc.status;
  await expect(ask(4)).rejects.toMatchObject({ code: DEADLINE_EXCEEDED, message: "nothing within 3 ms" });
  await expect(ask(60_000, (gone) => setImmediate(gone))).rejects.toMatchObject({ code: CANCELLED });
  const answered = ask(60_000);
  await expect(ask(60_000)).rejects.toMatchObject({ code: RESOURCE_EXHAUSTED });
  const id = asked.at(-1) as string;
  for (const kind of ["halt", "ping"] as const)
    callers.deliver(id, { kind, number: 7 } as unknown as Message);
  expect(await answered).toBe(7);
  expect(callers.deliver(id, { kind: "ping", number: 8 })).toBe(false);
});
