import { EventEmitter } from "node:events";
import * as grpc from "@grpc/grpc-js";
import { maxOpenSnapshots, type ReplicaStore, type StateEntry, type StateSnapshot } from "@synod/storage";
import { type SnapshotPage, type SnapshotRequest, serviceLoop } from "@synod/wire";
import { afterEach, expect, test, vi } from "vitest";
import {
  type Confirmation,
  type SnapshotCall,
  SnapshotSender,
} from "../src/replica/catch-up/snapshot-sender.js";
import { refusalOf } from "../src/replica/halt.js";
import { LocalReads } from "../src/replica/requests/local-reads.js";
import { drawName } from "../src/replica/system-commands.js";

/** A store that allows as many open snapshots as a real one, each of two pages. */
class FakeStore {
  usedBytes = 0;
  open = 0;
  readonly log = { first: 8, last: 9 } as ReplicaStore["log"];

  async snapshot(): Promise<StateSnapshot> {
    if (this.open >= maxOpenSnapshots) throw new RangeError("too many");
    this.open++;
    const entry = (key: number): StateEntry => [Uint8Array.of(key), Uint8Array.of(1)];
    return {
      slot: 7,
      rows: 2,
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

  constructor(
    resume?: SnapshotRequest["resume"],
    goesAfter = Number.POSITIVE_INFINITY,
    member = "",
    clusterId = "c",
  ) {
    super();
    this.request = { clusterId, above: 0, resume, member };
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

const agreeing: Confirmation = { agreed: () => 7, lacks: () => {}, unconfirmed: () => [], ask: () => {} };

const atOnce = new LocalReads({ scheduler: serviceLoop, asked: () => false });

function started(
  confirmation = agreeing,
  refusal: () => string | undefined = () => undefined,
  reads: Pick<LocalReads, "read"> = atOnce,
) {
  const store = new FakeStore();
  const sender = new SnapshotSender({
    ...{ store, clusterId: "c", drawName, refusal, confirmation },
    reads,
    replica: "r1",
    replicas: () => ["r1", "r2", "r3"],
    maxGrowth: () => 1_000,
  });
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

/** The time, which passes only when it is told to. */
function stoppedClock() {
  const clock = { nowMs: 0 };
  vi.spyOn(serviceLoop, "nowMs").mockImplementation(() => clock.nowMs);
  return clock;
}

const member = (goesAfter?: number, id = "r2", resume?: SnapshotRequest["resume"]) =>
  new Reader(resume, goesAfter, id);

test("snapshot and log are kept for a replica until it has all of it on its disk and asks for what follows (rule 19)", async () => {
  stoppedClock();
  const { store, sender, read } = started();
  await read(new Reader());
  expect([sender.readers.lowestSlot, store.open]).toEqual([undefined, 0]);
  await read(member());
  expect([sender.readers.lowestSlot, store.open]).toEqual([7, 1]);
  sender.gaveLog({ member: "r2", durableSlot: 6 }, false);
  expect([sender.readers.lowestSlot, store.open]).toEqual([6, 1]);
  sender.gaveLog({ member: "r2", durableSlot: 9 }, false);
  expect([sender.readers.lowestSlot, store.open]).toEqual([9, 0]);
  sender.gaveLog({ member: "r2", durableSlot: 20 }, true);
  expect(sender.readers.lowestSlot).toBeUndefined();
});

test("what is kept for a replica is let go of when it was silent for ten minutes, or for two over the log", async () => {
  const clock = stoppedClock();
  const { store, sender, read } = started();
  await read(member(1));
  clock.nowMs += 599_999;
  sender.tick();
  expect([sender.readers.lowestSlot, store.open]).toEqual([7, 1]);
  clock.nowMs += 1;
  sender.tick();
  expect([sender.readers.lowestSlot, store.open]).toEqual([undefined, 0]);
  sender.gaveLog({ member: "r3", durableSlot: 5 }, false);
  clock.nowMs += 119_999;
  expect(sender.readers.lowestSlot).toBe(5);
  clock.nowMs += 1;
  expect(sender.readers.lowestSlot).toBeUndefined();
});

test("a backup's snapshot is of no use to a replica once the log behind it is gone: it gets another", async () => {
  const { store, read } = started();
  const backup = new Reader();
  backup.slow = true;
  const done = read(backup);
  await vi.waitFor(() => expect(backup.pages).toHaveLength(1));
  const snapshots = async () => (await read(member(1))).pages.map(({ snapshot }) => snapshot);
  expect(await snapshots()).toEqual([backup.pages[0]?.snapshot]);
  Object.assign(store.log, { first: 9 });
  expect(await snapshots()).not.toEqual([backup.pages[0]?.snapshot]);
  backup.slow = false;
  backup.emit("drain");
  await done;
});

test("of several replicas each has what it needs, and who needs most of the log can be forsaken", async () => {
  stoppedClock();
  const { store, sender, read } = started();
  await read(member(1));
  sender.gaveLog({ member: "r3", durableSlot: 9 }, false);
  expect(sender.readers.lowestSlot).toBe(7);
  expect(sender.forsakeLowest()).toBe("r2");
  expect([sender.readers.lowestSlot, store.open]).toEqual([9, 0]);
  expect([sender.forsakeLowest(), sender.forsakeLowest()]).toEqual(["r3", undefined]);
});

test("when another state takes this one's place replicas are sent no more of the old one, and a backup all of it", async () => {
  const { store, sender, read } = started();
  const [replica, backup] = [member(), new Reader()];
  const all = [replica, backup].map((reader) => {
    reader.slow = true;
    return read(reader);
  });
  await vi.waitFor(() => expect([replica, backup].map(({ pages }) => pages.length)).toEqual([1, 1]));
  Object.assign(store.log, { first: 0, last: 12 });
  sender.forsakeAll();
  for (const reader of [replica, backup]) {
    reader.slow = false;
    reader.emit("drain");
  }
  await Promise.all(all);
  expect([replica.pages.length, replica.error]).toEqual([1, expect.objectContaining({ code: 5 })]);
  expect([backup.pages.map(({ last }) => last), backup.error]).toEqual([[false, true], undefined]);
  expect(store.open).toBe(0);
});

test("a replica whose snapshot was still being opened, or unconfirmed, when another state came gets none of it", async () => {
  const opening = started();
  const snapshot = opening.store.snapshot.bind(opening.store);
  opening.store.snapshot = async () => {
    const opened = await snapshot();
    Object.assign(opening.store.log, { first: 0, last: 12 });
    opening.sender.forsakeAll();
    return opened;
  };
  let asked = 0;
  const waiting = started({ ...agreeing, unconfirmed: () => ["r3"], ask: () => asked++ });
  const reader = member();
  const done = waiting.read(reader);
  await vi.waitFor(() => expect(asked).toBeGreaterThan(0));
  waiting.sender.forsakeAll();
  await done;
  for (const { pages, error } of [reader, await opening.read(member())])
    expect([pages, error]).toEqual([[], expect.objectContaining({ code: 5 })]);
  for (const { sender } of [opening, waiting]) expect(sender.readers.lowestSlot).toBeUndefined();
  expect(opening.store.open).toBe(0);
});

test("nothing is given to whoever calls itself a replica and is none, or this one", async () => {
  const { store, sender, read } = started();
  for (const id of ["r1", "r9"]) {
    const { pages, error } = await read(member(undefined, id));
    expect([pages, error]).toEqual([
      [],
      expect.objectContaining({ code: 3, details: expect.stringContaining(id) }),
    ]);
  }
  expect([sender.readers.lowestSlot, store.open]).toEqual([undefined, 0]);
});

test("a member that got nothing has nothing kept for it", async () => {
  const never = { agreed: () => 0, lacks: () => {}, unconfirmed: () => ["r3"], ask: () => {} };
  let nowMs = 0;
  vi.spyOn(serviceLoop, "nowMs").mockImplementation(() => (nowMs += 5_000));
  const { sender, read } = started(never);
  expect((await read(member())).error).toMatchObject({ code: 14 });
  expect(sender.readers.lowestSlot).toBeUndefined();
});

test("of backups so many are read at a time, of however few snapshots, and one that ends makes room", async () => {
  const { store, read } = started();
  const slow = () => {
    const reader = new Reader();
    reader.slow = true;
    return { reader, done: read(reader) };
  };
  const all = [slow()];
  await vi.waitFor(() => expect(all[0]?.reader.pages).toHaveLength(1));
  for (let others = 0; others < 8; others++) all.push(slow());
  await vi.waitFor(() => expect(all.filter(({ reader }) => reader.pages.length === 1)).toHaveLength(8));
  expect(all.flatMap(({ reader }) => reader.error ?? [])).toEqual([
    expect.objectContaining({ code: grpc.status.RESOURCE_EXHAUSTED }),
  ]);
  const { error } = await read(member());
  expect([error, store.open]).toEqual([undefined, 1]);
  const [first] = all as [(typeof all)[0]];
  first.reader.slow = false;
  first.reader.emit("drain");
  await first.done;
  expect((await read(new Reader())).error).toBeUndefined();
  for (const { reader } of all) {
    reader.slow = false;
    reader.emit("drain");
  }
  await Promise.all(all.map(({ done }) => done));
});

test("rule 12: backups wait for their turn to read, and replicas that catch up do not", async () => {
  const turns: (() => void)[] = [];
  const { read } = started(agreeing, () => undefined, {
    read: (_call, _bytes, run) => new Promise((resolve) => void turns.push(() => resolve(run()))),
  });
  const backup = new Reader();
  const done = read(backup);
  expect((await read(member())).ended).toBe(true);
  expect(backup.pages).toHaveLength(0);
  for (const pages of [1, 2]) {
    turns.shift()?.();
    await vi.waitFor(() => expect(backup.pages).toHaveLength(pages));
    if (pages === 1) await vi.waitFor(() => expect(turns).toHaveLength(1));
  }
  await done;
});

test("a backup that went away while it waited for its turn leaves its place at once", async () => {
  const turns: (() => void)[] = [];
  const { read } = started(agreeing, () => undefined, {
    read: (_call, _bytes, run) => new Promise((resolve) => void turns.push(() => resolve(run()))),
  });
  const reader = new Reader();
  reader.slow = true;
  const done = read(reader);
  await vi.waitFor(() => expect(turns).toHaveLength(1));
  // gRPC says so once, and takes nothing more.
  reader.cancelled = true;
  reader.write = () => false;
  turns.shift()?.();
  await done;
  expect(reader.error).toBeUndefined();
});

test("backups take half of the places, and a replica that finds none left shares one", async () => {
  stoppedClock();
  const { store, read } = started();
  const slow = async (reader: Reader) => {
    reader.slow = true;
    const done = read(reader);
    await vi.waitFor(() => expect(reader.pages.length + (reader.error ? 1 : 0)).toBeGreaterThan(0));
    return { reader, done };
  };
  const clock = stoppedClock();
  const all: Awaited<ReturnType<typeof slow>>[] = [];
  for (const reader of [new Reader(), new Reader()]) {
    all.push(await slow(reader));
    clock.nowMs += 11_000;
  }
  const third = await read(new Reader());
  expect(third.error).toMatchObject({ code: 8, details: expect.stringContaining("ask another replica") });
  all.push(await slow(member()));
  clock.nowMs += 11_000;
  all.push(await slow(member(undefined, "r3")));
  expect(store.open).toBe(maxOpenSnapshots);
  clock.nowMs += 11_000;
  const shares = await slow(member(undefined, "r3"));
  expect([shares.reader.error, store.open]).toEqual([undefined, maxOpenSnapshots]);
  for (const { reader, done } of [...all, shares]) {
    reader.slow = false;
    reader.emit("drain");
    await done;
  }
});

test("a reader that is slower than a page each second is given up after a minute, and its place with it", async () => {
  const clock = stoppedClock();
  const { read } = started();
  const reader = new Reader();
  reader.slow = true;
  const done = read(reader);
  await vi.waitFor(() => expect(reader.pages).toHaveLength(1));
  clock.nowMs += 61_001;
  reader.emit("drain");
  await done;
  expect(reader.error).toMatchObject({ code: 4, details: expect.stringContaining("a page in 1000 ms") });
});

test("one that is open for too long, or for which the disk grows too much, is let go of under its readers", async () => {
  const clock = stoppedClock();
  for (const [laterMs, grownBytes, id] of [
    [61_001, 0, ""],
    [601_001, 0, "r2"],
    [2, 1_001, "r2"],
  ] as const) {
    const { store, sender, read } = started();
    const reader = member(undefined, id);
    reader.slow = true;
    const done = read(reader);
    await vi.waitFor(() => expect(reader.pages).toHaveLength(1));
    clock.nowMs += laterMs - 1;
    sender.readers.heard(id);
    store.usedBytes = Math.max(0, grownBytes - 1);
    sender.tick();
    expect(store.open).toBe(1);
    clock.nowMs += 1;
    store.usedBytes = grownBytes;
    sender.tick();
    expect(store.open).toBe(0);
    reader.emit("drain");
    await done;
    expect((reader.error as { code: number }).code).toBe(grownBytes === 0 ? 4 : 10);
  }
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

test("whoever means another cluster gets none of it, be it to go on with one that is kept (rule 28)", async () => {
  const { store, read } = started();
  const foreign = (resume?: SnapshotRequest["resume"]) =>
    read(new Reader(resume, Number.POSITIVE_INFINITY, "", "other"));
  const refused = expect.objectContaining({ code: 9, details: expect.stringMatching(/cluster c\b.*other/) });
  const fresh = await foreign();
  expect([fresh.pages, fresh.error, store.open]).toEqual([[], refused, 0]);
  const [page] = (await read(new Reader(undefined, 1))).pages;
  const { snapshot, entries, digest } = page as SnapshotPage;
  const resumed = await foreign({ snapshot, after: entries[0]?.[0] as Uint8Array, digest });
  expect([resumed.pages, resumed.error]).toEqual([[], refused]);
});

test("one that is of no use to whoever asked is not kept open, however often they ask", async () => {
  const { store, read } = started();
  for (let asked = 0; asked <= 2 * maxOpenSnapshots; asked++) {
    const reader = new Reader();
    Object.assign(reader.request, { above: 7 });
    expect((await read(reader)).error).toMatchObject({ code: 9 });
  }
  expect(store.open).toBe(0);
});

test("those that nobody reads give way to a new reader, the oldest first", async () => {
  const { store, sender, read } = started();
  const places = maxOpenSnapshots / 2;
  for (let left = 0; left < places; left++) await read(new Reader(undefined, 1));
  expect(store.open).toBe(places);
  const { ended, error } = await read(new Reader());
  expect([ended, error]).toEqual([true, undefined]);
  expect(store.open).toBe(places - 1);
  sender.close();
  expect(store.open).toBe(0);
});

test("readers who come one after another do not keep one open: it is shared only while it is young", async () => {
  let nowMs = 0;
  vi.spyOn(serviceLoop, "nowMs").mockImplementation(() => nowMs);
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

test("a replica gets nothing before a majority of the others has confirmed the state; a backup does (rule 27)", async () => {
  const asked: number[] = [];
  const lacking: unknown[] = [];
  const open = {
    agreed: () => 4,
    lacks: (...lack: unknown[]) => lacking.push(lack),
    unconfirmed: (slot: number) => [`r2 at ${slot}`],
    ask: (slot: number) => asked.push(slot),
  };
  const backup = await started(open).read(new Reader());
  expect([backup.ended, backup.pages.map(({ confirmed }) => confirmed), asked]).toEqual([true, [4, 4], []]);
  let awaited = ["r2"];
  const { read } = started({ ...open, unconfirmed: () => awaited });
  const member = new Reader(undefined, Number.POSITIVE_INFINITY, "r3");
  const reading = read(member);
  await vi.waitFor(() => expect(asked.length).toBeGreaterThan(2));
  expect([member.pages, new Set(asked), lacking]).toEqual([[], new Set([7]), [["r3", 0]]]);
  awaited = [];
  await reading;
  expect([member.ended, member.pages.map(({ last }) => last)]).toEqual([true, [false, true]]);
});

test("a replica is told whom it waits for when nobody confirms, and that the giver differs when it does (rule 27)", async () => {
  const never = { agreed: () => 0, lacks: () => {}, unconfirmed: () => ["r2", "r4"], ask: () => {} };
  let nowMs = 0;
  vi.spyOn(serviceLoop, "nowMs").mockImplementation(() => (nowMs += 5_000));
  const waiting = await started(never).read(new Reader(undefined, Number.POSITIVE_INFINITY, "r3"));
  expect([waiting.pages, waiting.error]).toEqual([
    [],
    expect.objectContaining({ code: 14, details: expect.stringContaining("waiting for r2, r4") }),
  ]);
  let refusal: string | undefined;
  const differs = started({ ...never, ask: () => (refusal = "diverged") }, () => refusal);
  const refused = await differs.read(new Reader(undefined, Number.POSITIVE_INFINITY, "r3"));
  expect([refused.pages, refused.error]).toEqual([
    [],
    expect.objectContaining({ code: 9, details: "diverged" }),
  ]);
});

test("a replica that has stopped gives its state to whoever asks for that, and to nobody else", () => {
  const stopped = { reason: "stopped before slot 4" };
  expect(refusalOf(stopped, true)).toBeUndefined();
  expect(refusalOf(stopped, false)).toBe("stopped before slot 4");
  expect(refusalOf(undefined, false)).toBeUndefined();
  expect(refusalOf(undefined, true)).toMatch(/expected a replica that has stopped/);
  expect(refusalOf({ ...stopped, outvoted: true }, true)).toMatch(/the others go on/);
});
