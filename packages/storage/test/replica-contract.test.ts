import { describe, expect, test } from "vitest";
import { MemoryReplicaDisk, maxKeyBytes } from "../src/index.js";
import { bothKinds, defaults, get, kinds, names, put, slots } from "./replica-stores.js";
import { key, text } from "./samples.js";
import { failureOf } from "./temporary.js";

describe.each(bothKinds)("a replica's store (%s)", (kind) => {
  const make = () => kinds[kind]();

  test("is made at its first start, keeps its identity after, and counts its starts", async () => {
    const open = make();
    const first = await open();
    expect(first.identity).toEqual({ id: "r1", store: first.identity.store, startCount: 1, clusterId: "c1" });
    expect([first.log.first, first.log.last, first.durableSlot]).toEqual([0, 0, 0]);
    await first.close();
    const second = await open();
    expect(second.identity).toEqual({ ...first.identity, startCount: 2 });
    await second.close();
    expect(await failureOf(open({ id: "r2" }))).toMatchObject({ reason: "foreign" });
    expect(await failureOf(open({ clusterId: "c2" }))).toMatchObject({ reason: "foreign" });
  });

  test("is used by one at a time", async () => {
    const open = make();
    const store = await open();
    expect(await failureOf(open())).toMatchObject({ reason: "owned" });
    await store.close();
    await open();
  });

  test("reads see writes at once, whether they are on disk, on their way or new", async () => {
    const open = make();
    const store = await open();
    put(store, "a", "1");
    put(store, "b", "1");
    put(store, "c", "1");
    await store.flush();
    put(store, "b", "2");
    store.state.delete(key("c"));
    const flushed = store.flush();
    put(store, "c", "3");
    store.state.delete(key("a"));
    const seen = ["b=2", "c=3"];
    expect([get(store, "a"), get(store, "b"), get(store, "c")]).toEqual([undefined, "2", "3"]);
    expect(names(store, {})).toEqual(seen);
    await flushed;
    expect(names(store, {})).toEqual(seen);
    await store.flush();
    expect(names(store, { reverse: true })).toEqual(seen.toReversed());
    await store.close();
    expect(names(await open(), {})).toEqual(seen);
  });

  test("ranges go both ways, end where told, and compare bytes, not letters", async () => {
    const store = await make()();
    for (const name of ["\xff", "\x00", "b", "\xff\x00", "a", "B", "ab"]) put(store, name, "");
    await store.flush();
    for (const name of ["\x7f", "\x80", "aa"]) put(store, name, "new");
    const order = ["\x00", "B", "a", "aa", "ab", "b", "\x7f", "\x80", "\xff", "\xff\x00"];
    const found = (range: Parameters<typeof names>[1]) =>
      names(store, range).map((entry) => entry.split("=")[0]);
    expect(found({})).toEqual(order);
    expect(found({ reverse: true })).toEqual(order.toReversed());
    expect(found({ from: "a", until: "b" })).toEqual(["a", "aa", "ab"]);
    expect(found({ from: "a", until: "b", reverse: true })).toEqual(["ab", "aa", "a"]);
    expect(found({ from: "aa", limit: 2 })).toEqual(["aa", "ab"]);
    expect(found({ from: "aa", limit: 2, reverse: true })).toEqual(["\xff\x00", "\xff"]);
    expect(found({ from: "b", until: "a" })).toEqual([]);
    expect(found({ from: "b", until: "b" })).toEqual([]);
    expect(found({ from: "a", limit: 0 })).toEqual([]);
    for (const name of ["a", "aa", "B"]) store.state.delete(key(name));
    expect(found({ limit: 3 })).toEqual(["\x00", "ab", "b"]);
    expect(found({ until: "ab\x00", limit: 2, reverse: true })).toEqual(["ab", "\x00"]);
  });

  test("a range sees what is written ahead of it, and flushes that end meanwhile do not disturb it", async () => {
    const store = await make()();
    for (let index = 10; index < 80; index++) put(store, `k${index}`, "1");
    await store.flush();
    const seen: string[] = [];
    for (const [found, value] of store.state.range({ from: key("k") })) {
      seen.push(`${text(found)}=${text(value)}`);
      if (text(found) === "k12") {
        store.state.delete(key("k13"));
        put(store, "k14", "2");
        put(store, "k145", "new");
        await store.flush();
      }
      if (seen.length === 5) break;
    }
    expect(seen).toEqual(["k10=1", "k11=1", "k12=1", "k14=2", "k145=new"]);
  });

  test("keys and values of any size up to the limit come back whole", async () => {
    const open = make();
    const store = await open();
    const longest = new Uint8Array(maxKeyBytes).fill(0xff);
    const sizes = [0, 1, 4095, 8192, 32_768, 32_769, 70_000, 512 * 1024];
    const value = (size: number) => Uint8Array.from({ length: size }, (_, index) => (index * 7 + size) % 256);
    for (const size of sizes) store.state.put(key(`size ${size}`), value(size));
    store.state.put(longest, key("long"));
    await store.close();
    const after = await open();
    for (const size of sizes) expect(text(after.state.get(key(`size ${size}`)))).toBe(text(value(size)));
    expect(text(after.state.get(longest))).toBe("long");
    const found = [...after.state.range({ from: key("size ") })];
    expect(found.map(([, { length }]) => length).toSorted((a, b) => a - b)).toEqual(
      [4, ...sizes].toSorted((a, b) => a - b),
    );
    expect(found.every(([, bytes]) => bytes.length === bytes.byteLength)).toBe(true);
    expect([...after.state.range({ from: longest, reverse: true })]).toHaveLength(1);
    expect(() => after.state.put(new Uint8Array(maxKeyBytes + 1), key(""))).toThrow(
      /key of 1 to 4000 bytes, found 4001/,
    );
    expect(() => after.state.put(key(""), key(""))).toThrow(RangeError);
    expect(after.state.get(key(""))).toBeUndefined();
    after.state.delete(new Uint8Array(5000));
  });

  test("the log pages by entries and bytes, over disk and memory alike", async () => {
    const open = make();
    const store = await open();
    for (let slot = 5; slot <= 8; slot++) store.log.append(slot, key(`value ${slot}`));
    await store.flush();
    const flushed = store.flush();
    store.log.append(9, key("value 9"));
    expect([store.log.first, store.log.last, store.durableSlot]).toEqual([5, 9, 8]);
    expect(slots(store, 1)).toEqual(["5:value 5", "6:value 6", "7:value 7", "8:value 8", "9:value 9", 0]);
    expect(slots(store, 7, 2)).toEqual(["7:value 7", "8:value 8", 9]);
    expect(slots(store, 9, 2)).toEqual(["9:value 9", 0]);
    expect(slots(store, 1, 100, 1)).toEqual(["5:value 5", 6]);
    expect(slots(store, 10)).toEqual([0]);
    expect(() => store.log.append(9, key(""))).toThrow(/a slot above 9, the log's last, found 9/);
    await flushed;
    store.log.append(12, key("value 12"));
    await store.close();
    const after = await open();
    expect([after.log.first, after.log.last, after.durableSlot]).toEqual([5, 12, 12]);
    expect(slots(after, 9)).toEqual(["9:value 9", "12:value 12", 0]);
  });

  test("tells what is pending, and what each flush made durable", async () => {
    const told: number[] = [];
    const store = await make()({ onFlushed: (slot) => told.push(slot) });
    expect(store.pendingBytes).toBe(0);
    store.log.append(1, key("x".repeat(1000)));
    put(store, "key", "y".repeat(1000));
    put(store, "key", "y".repeat(2000));
    expect(store.pendingBytes).toBeGreaterThanOrEqual(3003);
    expect(store.pendingBytes).toBeLessThan(4000);
    await store.flush();
    expect(store.pendingBytes).toBe(0);
    put(store, "key", "z");
    await store.flush();
    expect(told).toEqual([1, 1]);
  });

  test("a key that came and went between two flushes leaves nothing to flush", async () => {
    const store = await make()();
    put(store, "kept", "1");
    await store.flush();
    put(store, "passing", "1");
    store.state.delete(key("passing"));
    store.state.delete(key("never there"));
    expect(store.pendingBytes).toBe(0);
    put(store, "kept", "2");
    store.state.delete(key("kept"));
    expect(store.pendingBytes).toBeGreaterThan(0);
    expect(names(store, {})).toEqual([]);
    await store.flush();
    expect(names(store, {})).toEqual([]);
  });

  test("flushes by itself, some time after a first write", async () => {
    const open = make();
    let told: (slot: number) => void = () => {};
    const flushed = new Promise<number>((resolve) => {
      told = resolve;
    });
    const store = await open({ flushEveryMs: 1, onFlushed: (slot) => told(slot) });
    store.log.append(1, key("one"));
    expect(await flushed).toBe(1);
    expect(store.pendingBytes).toBe(0);
  });
});

describe("a replica's disk in memory", () => {
  test("a crash takes whole flushes or nothing", async () => {
    const disk = new MemoryReplicaDisk({ store: "s" });
    const before = disk.open(defaults);
    before.log.append(1, key("one"));
    put(before, "a", "1");
    await before.flush();
    disk.hold(true);
    before.log.append(2, key("two"));
    put(before, "a", "2");
    void before.flush();
    put(before, "b", "2");
    expect(disk.waiting).toBe(true);
    disk.crash();
    disk.hold(false);
    const after = disk.open(defaults);
    expect(names(after, {})).toEqual(["a=1"]);
    expect(slots(after, 1)).toEqual(["1:one", 0]);
  });

  test("a failed flush is told once and is the last", async () => {
    const told: unknown[] = [];
    const disk = new MemoryReplicaDisk({ store: "s" });
    const store = disk.open({ ...defaults, onFailure: (error) => told.push(error) });
    disk.hold(true);
    put(store, "a", "1");
    const first = store.flush();
    disk.fail(new Error("ENOSPC"));
    disk.hold(false);
    expect(await failureOf(first)).toMatchObject({ reason: "failed" });
    put(store, "b", "1");
    expect(await failureOf(store.flush())).toBe(told[0]);
    expect(told).toHaveLength(1);
    disk.crash();
    expect(names(disk.open(defaults), {})).toEqual([]);
  });
});
