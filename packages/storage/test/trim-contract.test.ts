import path from "node:path";
import fc from "fast-check";
import { open as openRaw } from "lmdb";
import { describe, expect, test } from "vitest";
import { slotKey } from "../src/bytes.js";
import { MemoryReplicaDisk, openReplicaStore, type ReplicaStore } from "../src/index.js";
import { storedBytes } from "../src/replica-record.js";
import { bothKinds, defaults, kinds, slots } from "./replica-stores.js";
import { key } from "./samples.js";
import { temporaryDirectory } from "./temporary.js";

function append(store: ReplicaStore, from: number, through: number): void {
  for (let slot = from; slot <= through; slot++) store.log.append(slot, key(`value ${slot}`));
}
/** What so many small slots take, with values of so many bytes in all. */
const stored = (slots: number, bytes: number) => bytes + slots * 64;
const ends = ({ log, durableSlot }: ReplicaStore) => [log.first, log.last, log.bytes, durableSlot];

describe.each(bothKinds)("trimming the decided log (%s)", (kind) => {
  const make = () => kinds[kind]();

  test("takes slots away at once, from disk and memory, and for good with the next flush", async () => {
    const open = make();
    const store = await open();
    append(store, 1, 6);
    await store.flush();
    append(store, 7, 9);
    expect(ends(store)).toEqual([1, 9, stored(9, 63), 6]);
    store.log.trim(4);
    expect(ends(store)).toEqual([4, 9, stored(6, 42), 6]);
    expect(slots(store, 1, 2)).toEqual(["4:value 4", "5:value 5", 6]);
    store.log.trim(8);
    expect(slots(store, 1)).toEqual(["8:value 8", "9:value 9", 0]);
    const flushed = store.flush();
    append(store, 10, 10);
    store.log.trim(9);
    expect(slots(store, 1)).toEqual(["9:value 9", "10:value 10", 0]);
    await flushed;
    expect(slots(store, 1)).toEqual(["9:value 9", "10:value 10", 0]);
    await store.close();
    const after = await open();
    expect(ends(after)).toEqual([9, 10, stored(2, 15), 10]);
    expect(slots(after, 1)).toEqual(["9:value 9", "10:value 10", 0]);
  });

  test("is nothing below what is gone already, and never reaches what is still to come", async () => {
    const store = await make()();
    store.log.trim(5);
    expect(store.pendingBytes).toBe(0);
    append(store, 3, 4);
    store.log.trim(3);
    store.log.trim(1);
    expect(ends(store)).toEqual([3, 4, stored(2, 14), 0]);
    store.log.trim(1000);
    append(store, 5, 5);
    expect(slots(store, 1)).toEqual(["5:value 5", 0]);
  });

  test.each(["before", "after"])(
    "of all slots leaves the last known, trimmed %s they were flushed",
    async (when) => {
      const open = make();
      const store = await open();
      append(store, 1, 5);
      if (when === "after") await store.flush();
      store.log.trim(6);
      expect(ends(store)).toEqual([0, 5, 0, when === "after" ? 5 : 0]);
      expect(slots(store, 1)).toEqual([0]);
      await store.close();
      const after = await open();
      expect(ends(after)).toEqual([0, 5, 0, 5]);
      expect(slots(after, 1)).toEqual([0]);
      expect(() => after.log.append(5, key(""))).toThrow(/a slot above 5, the log's last, found 5/);
      append(after, 6, 6);
      await after.close();
      expect(ends(await open())).toEqual([6, 6, stored(1, 7), 6]);
    },
  );

  test("is a write like others: a flush comes by itself", async () => {
    const open = make();
    const before = await open();
    append(before, 1, 5);
    await before.close();
    let told: (slot: number) => void = () => {};
    const flushed = new Promise<number>((resolve) => {
      told = resolve;
    });
    const store = await open({ flushEveryMs: 1, onFlushed: (slot) => told(slot) });
    store.log.trim(3);
    expect(await flushed).toBe(5);
    expect(ends(store)).toEqual([3, 5, stored(3, 21), 5]);
  });

  test("of many slots stays whole when it is half done, whatever follows", async () => {
    const open = make();
    const store = await open();
    append(store, 1, 3500);
    await store.flush();
    store.log.trim(3400);
    await store.close();
    const after = await open();
    expect(ends(after)).toEqual([3400, 3500, stored(101, 101 * 10), 3500]);
    expect(slots(after, 1, 1)).toEqual(["3400:value 3400", 3401]);
  });
});

describe("a replica's log in memory", () => {
  test("a crash takes a trim that no flush carried, and brings nothing back of one that a flush did", () => {
    const disk = new MemoryReplicaDisk({ store: "s" });
    const store = disk.open(defaults);
    append(store, 1, 9);
    store.log.trim(3);
    void store.flush();
    disk.hold(true);
    store.log.trim(7);
    void store.flush();
    disk.crash();
    expect(ends(disk.open(defaults))).toEqual([3, 9, stored(7, 49), 9]);
  });
});

describe("a replica's log on disk", () => {
  const options = { encoding: "binary", keyEncoding: "binary", overlappingSync: false } as const;

  /** How many slots lie on the disk, whether they count or not. */
  async function onDisk(
    directory: string,
    change?: (put: (slot: number, value: Uint8Array) => void) => void,
  ) {
    const root = openRaw<Uint8Array, Uint8Array>({ path: directory, noSubdir: false, ...options });
    const log = root.openDB<Uint8Array, Uint8Array>("log", options);
    change?.((slot, value) => void log.put(slotKey(slot), value));
    await log.flushed;
    const count = log.getKeysCount({ start: slotKey(0) });
    await root.close();
    return count;
  }

  test("is tidied little by little, and by the next process when this one ends before", async () => {
    const directory = path.join(temporaryDirectory(), "store");
    const before = await openReplicaStore(directory, defaults);
    append(before, 1, 3500);
    await before.flush();
    before.log.trim(3400);
    await before.close();
    expect(await onDisk(directory)).toBe(2500);
    const after = await openReplicaStore(directory, defaults);
    after.log.append(3501, key("new"));
    // Each flush that leaves something asks for the next; two more are enough, and these come after them.
    for (let flush = 0; flush < 3; flush++) await after.flush();
    await after.close();
    expect(await onDisk(directory)).toBe(102);
  });

  test("slots that came and were trimmed between two flushes never reach it", async () => {
    const directory = path.join(temporaryDirectory(), "store");
    const store = await openReplicaStore(directory, defaults);
    append(store, 1, 100);
    store.log.trim(91);
    await store.close();
    expect(await onDisk(directory)).toBe(10);
  });
});

describe("a trimmed log is a list without its beginning", () => {
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant("append" as const), gap: fc.nat(2), bytes: fc.nat(9) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("trim" as const), ahead: fc.nat(6) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("flush" as const), wait: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen" as const) }) },
  );

  async function run(
    steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[],
    open: () => Promise<ReplicaStore>,
  ) {
    let store = await open();
    let model: { slot: number; value: Uint8Array }[] = [];
    let last = 0;
    try {
      for (const action of steps) {
        if (action.kind === "append") {
          last += 1 + action.gap;
          model.push({ slot: last, value: new Uint8Array(action.bytes).fill(last) });
          store.log.append(last, model.at(-1)?.value as Uint8Array);
        } else if (action.kind === "trim") {
          const below = (model[0]?.slot ?? last) + action.ahead;
          store.log.trim(below);
          model = model.filter(({ slot }) => slot >= below);
        } else if (action.kind === "flush") {
          const flushed = store.flush();
          await (action.wait ? flushed : new Promise((resolve) => setImmediate(resolve)));
        } else {
          await store.close();
          store = await open();
          expect(store.durableSlot).toBe(last);
        }
        const bytes = model.reduce((sum, { value }) => sum + storedBytes(value), 0);
        expect([store.log.first, store.log.last, store.log.bytes]).toEqual([
          model[0]?.slot ?? 0,
          last,
          bytes,
        ]);
        expect(store.log.page(0, 1000, 1e9)).toEqual({ entries: model, next: 0 });
      }
    } finally {
      await store.close();
    }
  }

  test("in memory", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const disk = new MemoryReplicaDisk({ store: "s" });
        await run(steps, async () => disk.open(defaults));
      }),
      { numRuns: 200 },
    );
  });

  test("in lmdb", async () => {
    const root = temporaryDirectory();
    let count = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const directory = path.join(root, String(count++));
        await run(steps, () => openReplicaStore(directory, defaults));
      }),
      { numRuns: 40 },
    );
  });
});

test("a slot of more than half a page takes whole pages", () => {
  const taken = [10, 4_000, 8_000, 8_192, 40_000].map((bytes) => storedBytes(new Uint8Array(bytes)));
  expect(taken).toEqual([74, 4_064, 8_192, 16_384, 40_960]);
});
