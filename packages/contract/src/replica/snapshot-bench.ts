import { createHash } from "node:crypto";
import type { Context } from "../suite/context.js";
import { equal, fail, holds } from "../suite/expect.js";
import { type HeldCall, heldCall } from "../suite/held-call.js";
import type { Message } from "../suite/message.js";
import { pause, type Stream } from "../suite/target.js";
import { aKey, bytes, kv, replicaState } from "./replica-bench.js";

export const snapshotRpc = "synod.v1.Replica/Snapshot";

/** The digest before the first page (replica.proto). */
export const noDigest = Buffer.alloc(32);

/** The digest at the end of a page, by what replica.proto says, from that of the page before. */
export function digestAfter(before: Buffer, entries: readonly Message[]): Buffer {
  const hash = createHash("sha256").update(before);
  for (const { key, value } of entries) {
    const lengths = Buffer.alloc(8);
    lengths.writeUInt32BE(key.length, 0);
    lengths.writeUInt32BE(value.length, 4);
    hash.update(lengths).update(key).update(value);
  }
  return hash.digest();
}

export function openSnapshot(context: Context, request: Message | Buffer = {}): Stream {
  const stream = context.target("replica").open(snapshotRpc);
  stream.send(request);
  stream.finish();
  return stream;
}

export const nextPage = (stream: Stream): Promise<Message> => stream.next("a page", () => true);

/** The position of a reader that has these pages. */
export function resumeAfter(pages: readonly Message[]): Message {
  const last = pages.at(-1);
  return { snapshot: last?.snapshot, after: keysOf(pages).at(-1), digest: last?.digest };
}

export function keysOf(pages: readonly Message[]): Buffer[] {
  return pages.flatMap(({ entries }) => entries.map(({ key }: Message) => key));
}

/** Every page to the last, each of which must go on where the one before ended. */
export async function pagesOf(stream: Stream, resume?: Message): Promise<Message[]> {
  const pages: Message[] = [];
  let digest: Buffer = resume?.digest ?? noDigest;
  let before: Buffer = resume?.after ?? Buffer.alloc(0);
  for (let last = false; !last; ) {
    const page = await nextPage(stream);
    const first = pages[0] ?? page;
    for (const field of ["snapshot", "slot", "clusterId"])
      equal(page[field], first[field], `SnapshotPage.${field} of a later page`);
    for (const { key } of page.entries as Message[]) {
      if (Buffer.compare(before, key) >= 0)
        fail("the key of an entry", `one after ${before.toString("hex")}`, key.toString("hex"));
      before = key;
    }
    digest = digestAfter(digest, page.entries);
    equal(page.digest.toString("hex"), digest.toString("hex"), `the digest of page ${pages.length + 1}`);
    pages.push(page);
    last = page.last;
  }
  equal((await stream.ending()).code, 0, "how the call ends after the last page");
  equal(
    stream.take(() => true),
    [],
    "pages after the last",
  );
  return pages;
}

/** The durable part may lag behind what is applied. */
export async function onDisk(context: Context, slot: number): Promise<void> {
  const until = performance.now() + context.patienceMs;
  for (;;) {
    const { durableSlot } = await replicaState(context);
    if (durableSlot >= slot) return;
    if (performance.now() > until) fail("Status.durable_slot", `at least ${slot} in time`, durableSlot);
    await pause(20);
  }
}

/** Values that no message holds together, on this replica's disk. */
export const large = (context: Context) => context.shared(putLarge);

const largeBytes = 512 << 10;
/** More than a service may have on its way to a reader that takes nothing: gRPC's own queues are long. */
const largeValues = 24;

async function putLarge(context: Context): Promise<{ slot: number; values: readonly Buffer[] }> {
  const values: Buffer[] = [];
  for (let count = 0; count < largeValues; count++) {
    const value = bytes(largeBytes);
    await kv(context, "Put", { key: aKey(context), value });
    values.push(value);
  }
  const { slotOut } = await replicaState(context);
  await onDisk(context, slotOut - 1);
  return { slot: slotOut - 1, values };
}

/** A snapshot that somebody is reading, so that the replica keeps it: of more than one page. */
export async function withReader<T>(
  context: Context,
  use: (page: Message, reader: HeldCall) => Promise<T>,
): Promise<T> {
  await large(context);
  const { address, patienceMs } = context.target("replica");
  const reader = await heldCall(address, snapshotRpc, {}, patienceMs);
  try {
    holds(!reader.first.last, "the first page of a state of more than 4 MiB", "not the last one", "the last");
    return await use(reader.first, reader);
  } finally {
    await reader.cancel();
  }
}

/** All pages of a snapshot that is kept, from its beginning. */
export function wholeOf(context: Context, { snapshot }: Message): Promise<Message[]> {
  return pagesOf(openSnapshot(context, { snapshot, after: Buffer.alloc(0), digest: noDigest }));
}

/** The pages that come after these. */
export function restAfter(context: Context, pages: readonly Message[]): Promise<Message[]> {
  const resume = resumeAfter(pages);
  return pagesOf(openSnapshot(context, resume), resume);
}

const looks = 20;

/**
 * Until the replica has seen that a reader is gone: others are given a snapshot of their own then. One that does otherwise
 * is not waited for long.
 */
export async function nobodyReads(context: Context, { snapshot }: Message): Promise<void> {
  for (let look = 0; look < looks; look++) {
    const stream = openSnapshot(context);
    const page = await nextPage(stream);
    stream.close();
    await stream.ending();
    if (page.snapshot !== snapshot) return;
    await pause(50);
  }
}
