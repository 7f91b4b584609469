import path from "node:path";
import v8 from "node:v8";
import vm from "node:vm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MemoryReplicaDisk, openReplicaStore, type ReplicaStore } from "../src/index.js";
import { Layer, nameOf } from "../src/layer.js";
import { type DiskRange, LayeredMap } from "../src/layered-map.js";
import { temporaryDirectory } from "./temporary.js";

/*
 * The ordered map against a plain sorted list, under random writes, flushes that overlap with them, reopenings and
 * ranges in both directions.
 */

type Model = [key: Buffer, value: Buffer][];

function modelPut(model: Model, key: Buffer, value: Buffer | undefined): void {
  const index = model.findIndex(([other]) => Buffer.compare(other, key) >= 0);
  const at = index < 0 ? model.length : index;
  const present = at < model.length && (model[at] as [Buffer, Buffer])[0].equals(key);
  model.splice(at, present ? 1 : 0, ...(value ? ([[key, value]] as Model) : []));
}

const bytes = (minLength: number) =>
  fc
    .array(fc.constantFrom(0, 1, 0x41, 0x7f, 0x80, 0xff), { minLength, maxLength: 3 })
    .map((list) => Buffer.from(list));

const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("put" as const), key: bytes(1), value: bytes(0) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("delete" as const), key: bytes(0) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("flush" as const), wait: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen" as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("get" as const), key: bytes(0) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("range" as const),
      from: bytes(0),
      until: fc.option(bytes(0), { nil: undefined }),
      limit: fc.option(fc.nat(20), { nil: undefined }),
      reverse: fc.boolean(),
    }),
  },
);

const plain = (entries: Iterable<readonly [Uint8Array, Uint8Array]>) =>
  [...entries].map(
    ([key, value]) => `${Buffer.from(key).toString("hex")}=${Buffer.from(value).toString("hex")}`,
  );

async function run(
  steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[],
  open: () => Promise<ReplicaStore>,
) {
  let store = await open();
  const model: Model = [];
  try {
    for (const action of steps) {
      if (action.kind === "put") {
        store.state.put(action.key, action.value);
        modelPut(model, action.key, action.value);
      } else if (action.kind === "delete") {
        store.state.delete(action.key);
        modelPut(model, action.key, undefined);
      } else if (action.kind === "flush") {
        const flushed = store.flush();
        // Not waiting leaves the flush to overlap with what follows; a turn of the loop has it started.
        await (action.wait ? flushed : new Promise((resolve) => setImmediate(resolve)));
      } else if (action.kind === "reopen") {
        await store.close();
        store = await open();
      } else if (action.kind === "get") {
        const found = store.state.get(action.key);
        const expected = model.find(([key]) => key.equals(action.key))?.[1];
        expect(found && Buffer.from(found).toString("hex")).toBe(expected?.toString("hex"));
      } else {
        const { from, until, limit, reverse } = action;
        const expected = model.filter(
          ([key]) => Buffer.compare(key, from) >= 0 && (!until || Buffer.compare(key, until) < 0),
        );
        if (reverse) expected.reverse();
        expect(plain(store.state.range({ from, until, limit, reverse }))).toEqual(
          plain(expected.slice(0, limit)),
        );
      }
    }
    expect(plain(store.state.range({ from: Buffer.alloc(0) }))).toEqual(plain(model));
  } finally {
    await store.close();
  }
}

const identity = { id: "r1", clusterId: "c1", flushEveryMs: 0 };

describe("a replica's state is an ordered map", () => {
  test("in memory", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
        const disk = new MemoryReplicaDisk({ store: "s" });
        await run(steps, async () => disk.open(identity));
      }),
      { numRuns: 200 },
    );
  });

  test("in lmdb", async () => {
    const root = temporaryDirectory();
    let count = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
        const directory = path.join(root, String(count++));
        await run(steps, () => openReplicaStore(directory, identity));
      }),
      { numRuns: 60 },
    );
  });
});

test("a range of large values reads few of them at a time, and none is left out", () => {
  const rows = [...Array(300).keys()].map(
    (row) => [Buffer.from(String(row).padStart(4, "0")), Buffer.alloc(100_000)] as const,
  );
  let most = 0;
  const entries = ({ from, until, reverse, limit, maxBytes }: DiskRange) => {
    const within = rows.filter(
      ([key]) => Buffer.compare(key, from) >= 0 && !(until && Buffer.compare(key, until) >= 0),
    );
    if (reverse) within.reverse();
    const fitting = within.slice(0, Math.min(limit, Math.ceil(maxBytes / 100_004)));
    most = Math.max(most, fitting.length);
    return fitting;
  };
  const map = new LayeredMap({ damage: undefined, get: () => undefined, entries }, () => {});
  for (const reverse of [false, true])
    expect([...map.range({ from: Buffer.alloc(0), reverse })].map(([key]) => String(key))).toEqual(
      (reverse ? [...rows].reverse() : rows).map(([key]) => String(key)),
    );
  expect(most).toBeLessThan(12);
});

test.each([
  [20, 10],
  [1500, 1],
])(
  "writes of keys of %i and values of %i bytes take no more memory than is counted for them",
  (keyBytes, valueBytes) => {
    v8.setFlagsFromString("--expose-gc");
    const gc = vm.runInNewContext("gc") as () => void;
    const used = () => {
      gc();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    const before = used();
    const layer = new Layer();
    for (let row = 0; row < 30_000; row++) {
      const key = Buffer.alloc(keyBytes, "k");
      key.writeUInt32BE(row);
      layer.set(nameOf(key), key, new Uint8Array(valueBytes));
    }
    layer.after("", true);
    expect(used() - before).toBeLessThan(layer.bytes * 1.2);
  },
);
