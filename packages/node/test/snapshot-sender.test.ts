import { EventEmitter } from "node:events";
import { performance } from "node:perf_hooks";
import { maxOpenSnapshots, type StateEntry, type StateSnapshot } from "@synod/storage";
import type { SnapshotPage, SnapshotRequest } from "@synod/wire";
import { afterEach, expect, test, vi } from "vitest";
import { type SnapshotCall, SnapshotSender } from "../src/snapshot-sender.js";

/** A store that allows as many open snapshots as a real one, each of two pages. */
class FakeStore {
  readonly durableSlot = 7;
  open = 0;

  async snapshot(): Promise<StateSnapshot> {
    if (this.open >= maxOpenSnapshots) throw new RangeError("too many");
    this.open++;
    const entry = (key: number): StateEntry => [Uint8Array.of(key), Uint8Array.of(1)];
    return {
      slot: 7,
      page: (after) => ({ entries: [entry(after === undefined ? 1 : 2)], done: after !== undefined }),
      close: () => {
        this.open--;
      },
    };
  }
}

/** What a reader sees of a call, which may go away after some pages. */
class Reader extends EventEmitter {
  readonly pages: SnapshotPage[] = [];
  readonly request: SnapshotRequest;
  readonly #goesAfter: number;
  /** One that takes nothing until it is told to. */
  slow = false;
  cancelled = false;
  ended = false;
  error: unknown;

  constructor(resume?: SnapshotRequest["resume"], goesAfter = Number.POSITIVE_INFINITY) {
    super();
    this.request = { clusterId: "c", above: 0, resume };
    this.#goesAfter = goesAfter;
    this.on("error", (error) => {
      this.error = error;
    });
  }

  write(page: SnapshotPage): boolean {
    this.pages.push(page);
    this.cancelled = this.pages.length >= this.#goesAfter;
    return !this.slow;
  }

  end(): void {
    this.ended = true;
  }
}

function started() {
  const store = new FakeStore();
  const sender = new SnapshotSender({ store, clusterId: "c", refusal: () => undefined });
  const read = async (reader: Reader) => {
    await sender.serve(reader as unknown as SnapshotCall);
    return reader;
  };
  return { store, sender, read };
}

afterEach(() => {
  vi.restoreAllMocks();
});

test("a snapshot that was told to its end is let go of, so that lmdb may use its pages again", async () => {
  const { store, read } = started();
  const { pages, ended } = await read(new Reader());
  expect(pages.map(({ last }) => last)).toEqual([false, true]);
  expect([ended, store.open]).toEqual([true, 0]);
});

test("one that a reader left is kept for it, and gone on with", async () => {
  const { store, read } = started();
  const [page] = (await read(new Reader(undefined, 1))).pages;
  expect(store.open).toBe(1);
  const { snapshot, entries, digest } = page as SnapshotPage;
  const resume = { snapshot, after: entries[0]?.[0] as Uint8Array, digest };
  const { pages } = await read(new Reader(resume));
  expect(pages.map(({ last, entries: [row] }) => [last, row?.[0]])).toEqual([[true, Uint8Array.of(2)]]);
  expect(store.open).toBe(0);
});

test("those that nobody reads give way to a new reader, the oldest first", async () => {
  const { store, sender, read } = started();
  for (let left = 0; left < maxOpenSnapshots; left++) await read(new Reader(undefined, 1));
  expect(store.open).toBe(maxOpenSnapshots);
  const { ended, error } = await read(new Reader());
  expect([ended, error]).toEqual([true, undefined]);
  expect(store.open).toBe(maxOpenSnapshots - 1);
  sender.close();
  expect(store.open).toBe(0);
});

test("readers who come one after another do not keep one open: it is shared only while it is young", async () => {
  let nowMs = 0;
  vi.spyOn(performance, "now").mockImplementation(() => nowMs);
  const { store, read } = started();
  const begin = () => {
    const reader = new Reader();
    reader.slow = true;
    return { reader, done: read(reader) };
  };
  const readers = [begin()];
  await vi.waitFor(() => expect(readers[0]?.reader.pages).toHaveLength(1));
  for (const [laterMs, open] of [
    [9_000, 1],
    [2_000, 2],
  ] as const) {
    nowMs += laterMs;
    const next = begin();
    readers.push(next);
    await vi.waitFor(() => expect(next.reader.pages).toHaveLength(1));
    expect(store.open).toBe(open);
  }
  for (const { reader, done } of readers) {
    reader.slow = false;
    reader.emit("drain");
    await done;
  }
  expect(store.open).toBe(0);
});
