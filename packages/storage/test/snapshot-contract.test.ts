import { describe, expect, test } from "vitest";
import {
  MemoryReplicaDisk,
  maxKeyBytes,
  maxOpenSnapshots,
  maxPageEntries,
  type ReplicaStore,
  type StateSnapshot,
} from "../src/index.js";
import { bothKinds, defaults, kinds, put } from "./replica-stores.js";
import { key, text } from "./samples.js";
import { failureOf } from "./temporary.js";

/** All that a snapshot shows, a page at a time, with a turn of the event loop between pages. */
async function everything(snapshot: StateSnapshot, maxBytes = 1e9): Promise<string[]> {
  const found: string[] = [];
  for (let after: Uint8Array | undefined; ; ) {
    const { entries, done } = snapshot.page(after, maxBytes);
    found.push(...entries.map(([name, value]) => `${text(name)}=${text(value)}`));
    if (done) return found;
    after = entries.at(-1)?.[0];
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** One slot whose effects are on many keys: seen whole, all of them say its number. */
function apply(store: ReplicaStore, slot: number, keys = 20): void {
  store.log.append(slot, key(`slot ${slot}`));
  for (let index = 0; index < keys; index++) put(store, `key ${String(index).padStart(3, "0")}`, `${slot}`);
  store.state.delete(key(`only ${slot - 1}`));
  put(store, `only ${slot}`, `${slot}`);
}

describe.each(bothKinds)("a snapshot of a replica's state (%s)", (kind) => {
  const make = () => kinds[kind]();

  test("holds all that was written before it, of whole slots, and says which is the last", async () => {
    const store = await make()();
    const empty = await store.snapshot();
    expect([empty.slot, empty.page(undefined, 1e9)]).toEqual([0, { entries: [], done: true }]);
    apply(store, 1, 2);
    apply(store, 2, 2);
    const snapshot = await store.snapshot();
    expect([snapshot.slot, store.durableSlot, snapshot.rows, empty.rows]).toEqual([2, 2, 3, 0]);
    expect(await everything(snapshot)).toEqual(["key 000=2", "key 001=2", "only 2=2"]);
    expect(await everything(empty)).toEqual([]);
  });

  test("does not change with later writes, flushes and trims, nor with what other snapshots do", async () => {
    const store = await make()();
    apply(store, 1);
    const first = await store.snapshot();
    const seen = await everything(first);
    apply(store, 2);
    const second = await store.snapshot();
    const again = await store.snapshot();
    expect(await everything(first)).toEqual(seen);
    for (let slot = 3; slot <= 30; slot++) {
      apply(store, slot, slot);
      store.log.trim(slot - 1);
      await store.flush();
      if (slot === 10) second.close();
      if (slot === 20) again.close();
      expect(await everything(first, 50)).toEqual(seen);
    }
    first.close();
    const last = await store.snapshot();
    expect((await everything(last)).at(-1)).toBe("only 30=30");
    expect(store.state.get(key("only 30"))).toEqual(key("30"));
  });

  test("is of one slot, however much is written while it is taken and read", async () => {
    const store = await make()({ flushEveryMs: 1 });
    let slot = 0;
    let writing = true;
    const write = async () => {
      while (writing) {
        for (let count = 0; count < 3; count++) apply(store, ++slot);
        if (slot % 7 === 0) store.log.trim(slot - 5);
        if (slot % 2 === 0) void store.flush();
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const read = async () => {
      for (let taken = 0, last = 0; taken < 20; taken++) {
        const before = slot;
        const snapshot = await store.snapshot();
        expect(snapshot.slot).toBeGreaterThanOrEqual(Math.max(before, last));
        expect(snapshot.slot % 3).toBe(0); // three slots are written in one turn
        const found = await everything(snapshot, 60);
        snapshot.close();
        last = snapshot.slot;
        expect(found).toHaveLength(last === 0 ? 0 : 21);
        expect(new Set(found.map((entry) => entry.split("=")[1]))).toEqual(
          new Set(last === 0 ? [] : [`${last}`]),
        );
      }
    };
    await Promise.all([
      write(),
      read().finally(() => {
        writing = false;
      }),
    ]);
  });

  test("comes in pages of whole entries, in byte order, none beyond the bytes asked for but a single one", async () => {
    const store = await make()();
    for (const name of ["b", "\xff\x00", "a", "\x00", "\xff", "B", "ab"]) put(store, name, "1234");
    const snapshot = await store.snapshot();
    const order = ["\x00", "B", "a", "ab", "b", "\xff", "\xff\x00"].map((name) => `${name}=1234`);
    for (const maxBytes of [0, 1, 5, 9, 10, 11, 12, 16, 36, 37, 38])
      expect([maxBytes, await everything(snapshot, maxBytes)]).toEqual([maxBytes, order]);
    const page = (after: string | undefined, maxBytes: number) => {
      const { entries, done } = snapshot.page(after === undefined ? undefined : key(after), maxBytes);
      return [entries.map(([name]) => text(name)), done];
    };
    expect(page(undefined, 1)).toEqual([["\x00"], false]);
    expect(page(undefined, 9)).toEqual([["\x00"], false]);
    expect(page(undefined, 10)).toEqual([["\x00", "B"], false]);
    expect(page("a", 11)).toEqual([["ab", "b"], false]);
    expect(page("aa", 10)).toEqual([["ab"], false]);
    expect(page("b", 11)).toEqual([["\xff", "\xff\x00"], true]);
    expect(page("b", 10)).toEqual([["\xff"], false]);
    expect(page("\xff\x00", 10)).toEqual([[], true]);
    expect(page("\xff\xff", 10)).toEqual([[], true]);
  });

  test("comes in pages of a bounded number of entries", async () => {
    const store = await make()();
    const count = maxPageEntries + 1;
    for (let index = 0; index < count; index++) put(store, `key ${String(index).padStart(6, "0")}`, "");
    const snapshot = await store.snapshot();
    const first = snapshot.page(undefined, 1e9);
    expect([first.entries.length, first.done]).toEqual([maxPageEntries, false]);
    const rest = snapshot.page(first.entries.at(-1)?.[0], 1e9);
    expect([rest.entries.length, rest.done]).toEqual([1, true]);
  });

  test("holds keys and values of any size", async () => {
    const store = await make()();
    const longest = [0x01, 0xff].map((byte) => new Uint8Array(maxKeyBytes).fill(byte));
    const sizes = [0, 4095, 8192, 32_769, 70_000, 512 * 1024];
    for (const name of longest) store.state.put(name, key("long"));
    for (const size of sizes) store.state.put(key(`size ${size}`), new Uint8Array(size).fill(size % 251));
    const snapshot = await store.snapshot();
    for (const size of sizes) store.state.put(key(`size ${size}`), key("other"));
    await store.flush();
    const found: [string | undefined, number][] = [];
    for (let after: Uint8Array | undefined; ; ) {
      const { entries, done } = snapshot.page(after, 1);
      for (const [name, value] of entries) found.push([text(name), value.length]);
      for (const [, value] of entries)
        expect(text(value)).toMatch(value.length === 4 ? /^long$/ : /^(.)?\1*$/s);
      if (done) break;
      after = entries.at(-1)?.[0];
    }
    expect(found).toEqual(
      [
        ...longest.map((name) => [text(name), 4] as const),
        ...sizes.map((size) => [`size ${size}`, size] as const),
      ].toSorted(([a], [b]) => ((a as string) < (b as string) ? -1 : 1)),
    );
  });

  test("is one of a few, and is closed with the store at the latest", async () => {
    const open = make();
    const store = await open();
    const wanted = Array.from({ length: maxOpenSnapshots + 1 }, () =>
      store.snapshot().catch((error) => error),
    );
    const snapshots = (await Promise.all(wanted)) as StateSnapshot[];
    expect(snapshots.pop()).toEqual(
      new RangeError(
        "expected at most 4 open snapshots, found 4 when another was asked for. Close one first",
      ),
    );
    expect(snapshots.map(({ slot }) => slot)).toEqual([0, 0, 0, 0]);
    snapshots[0]?.close();
    snapshots[0]?.close();
    expect(() => snapshots[0]?.page(undefined, 1)).toThrow(/an open snapshot of slot 0, found it closed/);
    const replacement = await store.snapshot();
    expect(await failureOf(store.snapshot())).toBeInstanceOf(RangeError);
    const [, second] = snapshots;
    second?.close();
    const late = store.snapshot();
    await store.close();
    for (const snapshot of [replacement, await late, ...snapshots])
      expect(() => snapshot.page(undefined, 1)).toThrow(/found it closed/);
    expect(String(await failureOf(store.snapshot()))).toMatch(/expected an open store, found it closed/);
    await open();
  });
});

describe("a snapshot of a state in memory", () => {
  test("waits for the flush under way and for its own, and has nothing that came later", async () => {
    const disk = new MemoryReplicaDisk({ store: "s" });
    const store = disk.open(defaults);
    disk.hold(true);
    apply(store, 1);
    void store.flush();
    apply(store, 2);
    const taking = store.snapshot();
    apply(store, 3);
    disk.release();
    const snapshot = await taking;
    // In memory a flush starts within the call that asks for it, or when the one before it ends.
    expect(snapshot.slot).toBe(3);
    apply(store, 4);
    expect((await everything(snapshot)).at(-1)).toBe("only 3=3");
  });

  test("is none when the flush fails", async () => {
    const disk = new MemoryReplicaDisk({ store: "s" });
    const told: unknown[] = [];
    const store = disk.open({ ...defaults, onFailure: (error) => told.push(error) });
    disk.hold(true);
    apply(store, 1);
    const taking = store.snapshot();
    disk.fail(new Error("ENOSPC"));
    expect(await failureOf(taking)).toMatchObject({ reason: "failed" });
    expect(told).toHaveLength(1);
  });
});
