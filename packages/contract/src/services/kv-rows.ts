import { aKey, bytes, keyValue, kv, storedValue } from "../replica/replica-bench.js";
import { equal, holds } from "../suite/expect.js";
import { check, type Row, writing } from "../suite/matrix.js";
import { type Method, rowOf } from "./service-rows.js";

const x = Buffer.from("x");
const longKey = "k".repeat(1025);
const largeValue = Buffer.alloc((512 << 10) + 1);

/** Each write is read by the next call, wherever that is decided. */
const readsItsWrites = writing("PMMC 2.1", "a read sees every write answered before it", async (context) => {
  const key = aKey(context);
  for (let count = 0; count < 10; count++) {
    const value = bytes();
    const { revision } = await kv(context, "Put", { key, value });
    const got = await kv(context, "Get", { key });
    equal([got.found, got.value, got.revision], [true, value, revision], "found, value and revision");
  }
});

const methods: readonly Method[] = [
  {
    service: keyValue,
    name: "Put",
    request: (key) => ({ key, value: x }),
    accepted: [
      writing("kv.proto", "it replaces the value, and its revision grows", async (context) => {
        const key = aKey(context);
        const one = await kv(context, "Put", { key, value: Buffer.from("one") });
        const two = await kv(context, "Put", { key, value: Buffer.from("two") });
        holds(two.revision > one.revision, "the later revision", `above ${one.revision}`, two.revision);
        equal(String(await storedValue(context, key)), "two", "the value");
      }),
    ],
    bad: { "no key": { key: "", value: x } },
    large: {
      "a key of 1,025 bytes": { key: longKey, value: x },
      "a value above 512 KiB": { key: "k", value: largeValue },
    },
  },
  {
    service: keyValue,
    name: "Get",
    query: true,
    request: (key) => ({ key }),
    accepted: [
      readsItsWrites,
      check(
        "kv.proto, replica.proto",
        "a stale read takes no slot; an absent key is not found, with revision 0",
        async (context) => {
          const request = { key: aKey(context) };
          const metadata = { "synod-read": "stale" };
          const { found, value, revision } = await context
            .target("replica")
            .call(`${keyValue}/Get`, request, { metadata });
          equal([found, value.length, revision], [false, 0, 0], "found, bytes and revision");
        },
      ),
    ],
    bad: { "no key": { key: "" } },
    large: { "a key of 1,025 bytes": { key: longKey } },
  },
  {
    service: keyValue,
    name: "Delete",
    request: (key) => ({ key }),
    accepted: [
      writing("kv.proto", "it says whether there was a key, which is gone then", async (context) => {
        const key = aKey(context);
        await kv(context, "Put", { key, value: x });
        equal((await kv(context, "Delete", { key })).deleted, true, "deleted");
        equal(await storedValue(context, key), undefined, "the value");
        equal((await kv(context, "Delete", { key })).deleted, false, "deleted, the second time");
      }),
    ],
    bad: { "no key": { key: "" } },
    large: { "a key of 1,025 bytes": { key: longKey } },
  },
  {
    service: keyValue,
    name: "Range",
    query: true,
    request: (key) => ({ prefix: key, limit: 10 }),
    accepted: [
      writing("kv.proto", "it gives the keys of a prefix in order, page by page", async (context) => {
        const prefix = `${aKey(context)}/`;
        const keys = ["a", "b", "c", "d", "e"].map((end) => prefix + end);
        for (const key of keys.toReversed()) await kv(context, "Put", { key, value: Buffer.from(key) });
        const found: string[] = [];
        let continuation = "";
        do {
          const page = await kv(context, "Range", { prefix, limit: 2, continuation });
          holds(page.entries.length <= 2, "entries of a page", "at most 2", page.entries.length);
          for (const { key, value } of page.entries) {
            equal(String(value), key, `the value of ${key}`);
            found.push(key);
          }
          continuation = page.continuation;
        } while (continuation !== "");
        equal(found, keys, "keys");
      }),
    ],
    bad: { "a continuation that no page gave": { prefix: "k", continuation: "???" } },
    large: {
      "a limit of 1,001": { prefix: "k", limit: 1001 },
      "a prefix of 1,025 bytes": { prefix: longKey },
    },
  },
  {
    service: keyValue,
    name: "CompareAndSet",
    request: (key) => ({ conditions: [{ key, absent: true }], writes: [{ key, put: x }] }),
    accepted: [
      writing("kv.proto", "all writes are done when every condition holds, else none", async (context) => {
        const [one, two] = [aKey(context), aKey(context)];
        const writes = [one, two].map((key) => ({ key, put: x }));
        const conditions = [one, two].map((key) => ({ key, absent: true }));
        equal((await kv(context, "CompareAndSet", { conditions, writes })).succeeded, true, "succeeded");
        const other = [{ key: one, put: Buffer.from("y") }];
        const again = await kv(context, "CompareAndSet", {
          conditions: [{ key: two, value: bytes() }],
          writes: other,
        });
        equal([again.succeeded, again.failedKeys], [false, [two]], "succeeded and failed_keys");
        equal(
          [String(await storedValue(context, one)), String(await storedValue(context, two))],
          ["x", "x"],
          "the values",
        );
      }),
    ],
    bad: {
      "neither condition nor write": {},
      "a condition that expects nothing": { conditions: [{ key: "k" }] },
      "a write that does nothing": { writes: [{ key: "k" }] },
    },
    large: {
      "1,001 writes": { writes: Array.from({ length: 1001 }, (_, index) => ({ key: `k${index}`, put: x })) },
    },
  },
  {
    service: keyValue,
    name: "Append",
    request: (key) => ({ key, value: x }),
    accepted: [
      writing("kv.proto", "it adds to the end and gives the length", async (context) => {
        const key = aKey(context);
        equal((await kv(context, "Append", { key, value: Buffer.from("ab") })).length, 2, "length");
        equal((await kv(context, "Append", { key, value: Buffer.from("c") })).length, 3, "length");
        equal(String(await storedValue(context, key)), "abc", "the value");
      }),
    ],
    bad: { "no key": { key: "", value: x } },
    large: {
      "a key of 1,025 bytes": { key: longKey, value: x },
      "a value above 512 KiB": { key: "k", value: largeValue },
    },
  },
];

export const kvRows: readonly Row[] = methods.map(rowOf);
