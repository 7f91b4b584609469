import path from "node:path";
import { noBallot, noOperation, type PValue, type Value } from "@synod/core";
import { recordCodec } from "@synod/wire";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  type AcceptorStore,
  createAcceptorStore,
  MemoryAcceptorDisk,
  openAcceptorStore,
} from "../src/index.js";
import { accept, ballot, batch, configuration, pvalue, text, trim } from "./samples.js";
import { failureOf, temporaryDirectory } from "./temporary.js";

/** A made store, opened as often as a test likes. */
interface Made {
  readonly store: string;
  open(expected: { id: string; clusterId?: string }): Promise<AcceptorStore>;
}

const kinds = {
  async lmdb(id: string): Promise<Made> {
    const directory = path.join(temporaryDirectory(), "below", "store.1");
    const { store } = await createAcceptorStore(directory, { id, codec: recordCodec });
    return {
      store,
      open: (expected) => closing(openAcceptorStore(directory, { ...expected, codec: recordCodec })),
    };
  },
  async memory(id: string): Promise<Made> {
    const disk = new MemoryAcceptorDisk({ id, store: "store of a test", codec: recordCodec });
    return { store: "store of a test", open: (expected) => closing((async () => disk.open(expected))()) };
  },
};

async function closing(opening: Promise<AcceptorStore>): Promise<AcceptorStore> {
  const store = await opening;
  onTestFinished(() => store.close());
  return store;
}

const values = (pvalues: readonly PValue[]) =>
  pvalues.map(({ slot, ballot: { round }, value }) => [slot, round, contents(value)]);
const contents = (value: Value) => (value.kind === "batch" ? text(value.commands) : value.kind);
const all = (store: AcceptorStore, from = 1) => values(store.page(from, 1000, 1e9).accepted);

describe.each(["lmdb", "memory"] as const)("an acceptor's store (%s)", (kind) => {
  const make = () => kinds[kind]("a1");

  test("starts with nothing promised, accepted or trimmed", async () => {
    const store = await (await make()).open({ id: "a1" });
    expect(store.state).toEqual({ promised: noBallot, trim: { below: 1, configurations: [] } });
    expect(store.page(1, 10, 1000)).toEqual({ accepted: [], next: 0 });
    expect(store.highestSlot()).toBe(0);
  });

  test("counts its starts, keeps its id, and takes the first cluster it is opened with", async () => {
    const made = await make();
    const identity = { id: "a1", store: made.store };
    const first = await made.open({ id: "a1" });
    expect(first.identity).toEqual({ ...identity, startCount: 1, clusterId: undefined });
    await first.close();
    const second = await made.open({ id: "a1", clusterId: "c1" });
    expect(second.identity).toEqual({ ...identity, startCount: 2, clusterId: "c1" });
    await second.close();
    const third = await made.open({ id: "a1" });
    expect(third.identity).toEqual({ ...identity, startCount: 3, clusterId: "c1" });
    await third.close();
    const wrongCluster = await failureOf(made.open({ id: "a1", clusterId: "c2" }));
    expect(wrongCluster).toMatchObject({ name: "StoreError", reason: "foreign" });
    expect(String(wrongCluster)).toContain("expected a store of cluster c2, found one of cluster c1");
    expect(await failureOf(made.open({ id: "a2" }))).toMatchObject({ reason: "foreign" });
    expect((await made.open({ id: "a1", clusterId: "c1" })).identity.startCount).toBe(4);
  });

  test("is used by one at a time", async () => {
    const made = await make();
    const store = await made.open({ id: "a1" });
    expect(await failureOf(made.open({ id: "a1" }))).toMatchObject({ reason: "owned" });
    await store.close();
    await made.open({ id: "a1" });
  });

  test("shows records to reads as soon as they are written, on top of what is on disk", async () => {
    const store = await (await make()).open({ id: "a1" });
    for (const slot of [2, 4, 6]) store.write(accept(slot));
    await store.commit();
    for (const slot of [7, 1, 4]) store.write(accept(slot, 2));
    const seen = [
      [1, 2, "batch 1"],
      [2, 1, "batch 2"],
      [4, 2, "batch 4"],
      [6, 1, "batch 6"],
      [7, 2, "batch 7"],
    ];
    expect(all(store)).toEqual(seen);
    expect(store.highestSlot()).toBe(7);
    await store.commit();
    expect(all(store)).toEqual(seen);
    expect(all(store, 4)).toEqual(seen.slice(2));
    expect(all(store, 8)).toEqual([]);
  });

  test("recovers all that was committed, values of every kind alike", async () => {
    const made = await make();
    const before = await made.open({ id: "a1" });
    const proposal = { replica: "r1", incarnation: 7, number: 2 ** 52 };
    const accepted = [
      pvalue(2 ** 33, 1, batch(1, new Uint8Array(0))),
      pvalue(2 ** 33 + 1, 1, noOperation),
      pvalue(2 ** 33 + 2, 1, { kind: "configuration", proposal, configuration }),
      pvalue(2 ** 52, 3, batch(2 ** 53 - 1, new Uint8Array(1 << 20).fill(7))),
    ];
    before.write(trim(100));
    for (const record of accepted) before.write({ kind: "accept", pvalue: record });
    before.write({ kind: "promise", ballot: ballot(9, "l-2") });
    await before.commit();
    await before.close();
    const after = await made.open({ id: "a1" });
    expect(after.state).toEqual({
      promised: ballot(9, "l-2"),
      trim: { below: 100, configurations: [{ from: 257, configuration }] },
    });
    const plain = (pvalues: readonly PValue[]) =>
      pvalues.map(({ value, ...rest }) => ({
        ...rest,
        value: value.kind === "batch" ? { ...value, commands: text(value.commands) } : value,
      }));
    expect(plain(after.page(1, 10, 1e9).accepted)).toEqual(plain(accepted));
    expect(after.highestSlot()).toBe(2 ** 52);
  });

  test("an accepted pvalue carries its ballot as the promise", async () => {
    const made = await make();
    const before = await made.open({ id: "a1" });
    before.write({ kind: "promise", ballot: ballot(2) });
    before.write(accept(1, 5));
    await before.commit();
    await before.close();
    expect((await made.open({ id: "a1" })).state.promised).toEqual(ballot(5));
  });

  test("pages by slots and by bytes, at least one pvalue a page, and names the next slot", async () => {
    const store = await (await make()).open({ id: "a1" });
    for (const slot of [1, 2, 3, 9]) store.write(accept(slot, 1, batch(slot, new Uint8Array(1000))));
    await store.commit();
    store.write(accept(10, 1, batch(10, new Uint8Array(1000))));
    const slots = (from: number, maxSlots: number, maxBytes: number) => {
      const { accepted, next } = store.page(from, maxSlots, maxBytes);
      return [...accepted.map(({ slot }) => slot), next];
    };
    expect(slots(1, 2, 1e9)).toEqual([1, 2, 3]);
    expect(slots(3, 2, 1e9)).toEqual([3, 9, 10]);
    expect(slots(9, 2, 1e9)).toEqual([9, 10, 0]);
    expect(slots(1, 100, 1)).toEqual([1, 2]);
    expect(slots(1, 100, 2500)).toEqual([1, 2, 3]);
    expect(slots(11, 100, 1)).toEqual([0]);
  });

  test("trimming hides the pvalues below at once, and they never come back", async () => {
    const made = await make();
    const before = await made.open({ id: "a1" });
    for (let slot = 1; slot <= 2500; slot++) before.write(accept(slot));
    await before.commit();
    before.write(accept(2501));
    before.write(trim(2501));
    expect(all(before)).toEqual([[2501, 1, "batch 2501"]]);
    expect(before.highestSlot()).toBe(2501);
    await before.commit();
    expect(all(before)).toEqual([[2501, 1, "batch 2501"]]);
    before.write(trim(3000));
    expect(before.highestSlot()).toBe(0);
    await before.close();
    const after = await made.open({ id: "a1" });
    expect(after.state.trim.below).toBe(3000);
    expect(after.page(1, 10, 1000)).toEqual({ accepted: [], next: 0 });
    expect(after.highestSlot()).toBe(0);
    after.write(accept(3000, 2));
    await after.commit();
    expect(all(after)).toEqual([[3000, 2, "batch 3000"]]);
  });

  test("nothing durable is taken back: promises and trim marks never fall", async () => {
    const store = await (await make()).open({ id: "a1" });
    store.write({ kind: "promise", ballot: ballot(3) });
    store.write(trim(10));
    expect(() => store.write({ kind: "promise", ballot: ballot(2) })).toThrow(/promise of at least/);
    expect(() => store.write(accept(11, 2))).toThrow(/promise of at least/);
    expect(() => store.write(accept(9, 4))).toThrow(/above the trim mark 10, found slot 9/);
    expect(() => store.write(trim(9))).toThrow(/trim mark of at least 10, found 9/);
  });

  test("commits end in the order they were asked for, and cover all that was written before", async () => {
    const made = await make();
    const store = await made.open({ id: "a1" });
    const ended: number[] = [];
    const commits: Promise<unknown>[] = [];
    for (let slot = 1; slot <= 20; slot++) {
      store.write(accept(slot));
      commits.push(store.commit().then(() => ended.push(slot)));
      if (slot % 3 === 0) await Promise.race(commits.slice(-3));
    }
    await Promise.all(commits);
    expect(ended).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    await store.close();
    expect((await made.open({ id: "a1" })).highestSlot()).toBe(20);
  });
});

describe("an acceptor's disk in memory", () => {
  test("a crash drops what was not committed, and only that", async () => {
    const disk = new MemoryAcceptorDisk({ id: "a1", store: "s", codec: recordCodec });
    const before = disk.open({ id: "a1" });
    before.write(accept(1));
    await before.commit();
    disk.hold(true);
    before.write(accept(2));
    let ended = false;
    void before.commit().then(() => {
      ended = true;
    });
    before.write(accept(3, 2));
    expect(all(before)).toHaveLength(3);
    disk.crash();
    disk.hold(false);
    const after = disk.open({ id: "a1" });
    expect(after.state.promised).toEqual(ballot(1));
    expect(after.highestSlot()).toBe(1);
    before.write(accept(4, 2));
    void before.commit();
    expect(disk.open.bind(disk, { id: "a1" })).toThrow(/owned|open/);
    await after.commit();
    expect(ended).toBe(false);
    expect(all(after)).toEqual([[1, 1, "batch 1"]]);
  });

  test("held commits end when they are released, within the call", async () => {
    const disk = new MemoryAcceptorDisk({ id: "a1", store: "s", codec: recordCodec });
    const store = disk.open({ id: "a1" });
    disk.hold(true);
    store.write(accept(1));
    const first = store.commit();
    store.write(accept(2));
    const second = store.commit();
    expect(disk.waiting).toBe(true);
    disk.release();
    expect(disk.waiting).toBe(false);
    disk.crash();
    await first;
    await second;
    expect(disk.open({ id: "a1" }).highestSlot()).toBe(2);
  });

  test("a vote written while an older one of its slot goes to disk stays in sight when that commit ends", async () => {
    const disk = new MemoryAcceptorDisk({ id: "a1", store: "s", codec: recordCodec });
    const store = disk.open({ id: "a1" });
    disk.hold(true);
    store.write(accept(1));
    void store.commit();
    store.write(accept(1, 2));
    disk.releaseOne();
    expect(all(store)).toEqual([[1, 2, "batch 1"]]);
  });

  test("after a failed commit every later one fails, and none is tried", async () => {
    const disk = new MemoryAcceptorDisk({ id: "a1", store: "s", codec: recordCodec });
    const store = disk.open({ id: "a1" });
    disk.hold(true);
    store.write(accept(1));
    const first = store.commit();
    store.write(accept(2));
    const second = store.commit();
    disk.fail(new Error("EIO"));
    disk.hold(false);
    store.write(accept(3));
    for (const commit of [first, second, store.commit()])
      expect(await failureOf(commit)).toMatchObject({ name: "StoreError", reason: "failed" });
    disk.crash();
    expect(disk.open({ id: "a1" }).highestSlot()).toBe(0);
  });
});

test("an acceptor's store made for a cluster restored from a backup begins behind it", async () => {
  const directory = temporaryDirectory();
  await createAcceptorStore(directory, {
    id: "a1",
    codec: recordCodec,
    trim: { below: 78, configurations: [] },
  });
  const store = await closing(openAcceptorStore(directory, { id: "a1", codec: recordCodec }));
  expect(store.state).toEqual({ promised: noBallot, trim: { below: 78, configurations: [] } });
  expect(() => store.write(accept(77))).toThrow("expected a pvalue at or above the trim mark 78");
});
