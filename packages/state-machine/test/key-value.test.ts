import { describe, expect, it } from "vitest";
import { Status } from "../src/definition/status.js";
import { encoded, World } from "./support.js";

const service = "synod.kv.v1.KeyValue";
const bytes = (text: string) => Buffer.from(text);
const invalid = (field: string) => ({
  status: Status.invalidArgument,
  message: expect.stringContaining(field),
});

describe("synod.kv.v1.KeyValue", () => {
  it("gets what was put last, with the revision that put it", () => {
    const world = new World();
    const first = world.kv("Put", { key: "a", value: bytes("1") });
    const second = world.kv("Put", { key: "a", value: Buffer.alloc(0) });
    expect(BigInt(second.revision)).toBeGreaterThan(BigInt(first.revision));
    expect(world.kv("Get", { key: "a" })).toEqual({
      found: true,
      value: Buffer.alloc(0),
      revision: second.revision,
    });
    expect(world.kv("Get", { key: "b" })).toEqual({ found: false, value: Buffer.alloc(0), revision: "0" });
  });

  it("deletes, and says whether there was something", () => {
    const world = new World();
    world.kv("Put", { key: "a", value: bytes("1") });
    expect(world.kv("Delete", { key: "a" })).toEqual({ deleted: true });
    expect(world.kv("Delete", { key: "a" })).toEqual({ deleted: false });
    expect(world.kv("Get", { key: "a" })).toMatchObject({ found: false });
  });

  it("keeps any text as key and any bytes as value", () => {
    const world = new World();
    const value = Buffer.from([0, 255, 128, 10]);
    for (const key of ["ü", "\0", "🐌", "a/b c", "é".repeat(512)]) {
      world.kv("Put", { key, value });
      expect(world.kv("Get", { key })).toMatchObject({ found: true, value });
    }
  });

  it("appends, and says the length in bytes", () => {
    const world = new World();
    expect(world.kv("Append", { key: "a", value: bytes("12") })).toEqual({ length: "2" });
    expect(world.kv("Append", { key: "a", value: bytes("345") })).toEqual({ length: "5" });
    expect(world.kv("Get", { key: "a" })).toMatchObject({ value: bytes("12345") });
  });

  it("appends nothing to a value that would grow beyond its limit", () => {
    const world = new World();
    world.kv("Put", { key: "a", value: Buffer.alloc(512 << 10) });
    expect(world.kv("Append", { key: "a", value: bytes("1") })).toMatchObject({
      status: Status.failedPrecondition,
    });
    expect(world.kv("Get", { key: "a" }).value).toHaveLength(512 << 10);
    expect(world.errors).toEqual([]);
  });

  describe("range", () => {
    function filled(count: number, size = 1): World {
      const world = new World();
      for (let index = 0; index < count; index++) {
        world.kv("Put", { key: `k${String(index).padStart(5, "0")}`, value: Buffer.alloc(size) });
      }
      return world;
    }

    function pages(world: World, prefix: string, limit: number): string[][] {
      const found: string[][] = [];
      let continuation = "";
      do {
        const page = world.kv("Range", { prefix, limit, continuation });
        found.push(page.entries.map(({ key }: { key: string }) => key));
        continuation = page.continuation;
      } while (continuation !== "");
      return found;
    }

    it("gives the keys with the prefix, in the order of their bytes, with values and revisions", () => {
      const world = new World();
      for (const key of ["b", "ab", "a", "a🐌", "aé", "B", "aa"]) world.kv("Put", { key, value: bytes(key) });
      const { entries, continuation } = world.kv("Range", { prefix: "a" });
      expect(entries.map(({ key }: { key: string }) => key)).toEqual(["a", "aa", "ab", "aé", "a🐌"]);
      expect(entries[1]).toEqual({ key: "aa", value: bytes("aa"), revision: "7" });
      expect(continuation).toBe("");
      expect(world.kv("Range", { prefix: "" }).entries).toHaveLength(7);
      expect(world.kv("Range", { prefix: "z" })).toEqual({ entries: [], continuation: "" });
    });

    it("pages by the limit without losing or doubling a key, and ends without an empty page", () => {
      const world = filled(10);
      expect(pages(world, "k", 4).map(({ length }) => length)).toEqual([4, 4, 2]);
      expect(pages(world, "k", 5).map(({ length }) => length)).toEqual([5, 5]);
      expect(new Set(pages(world, "", 3).flat()).size).toBe(10);
    });

    it("gives at most 1000 entries when no limit is said", () => {
      expect(pages(filled(1001), "", 0).map(({ length }) => length)).toEqual([1000, 1]);
    });

    it("ends a page before 512 KiB, but always gives an entry", () => {
      expect(pages(filled(5, 200 << 10), "", 0).map(({ length }) => length)).toEqual([2, 2, 1]);
      expect(pages(filled(2, 512 << 10), "", 0).map(({ length }) => length)).toEqual([1, 1]);
    });

    it("goes on behind a key that has been deleted meanwhile", () => {
      const world = filled(4);
      const { continuation } = world.kv("Range", { prefix: "k", limit: 2 });
      world.kv("Delete", { key: "k00001" });
      world.kv("Put", { key: "k00001x", value: bytes("") });
      const { entries } = world.kv("Range", { prefix: "k", limit: 9, continuation });
      expect(entries.map(({ key }: { key: string }) => key)).toEqual(["k00001x", "k00002", "k00003"]);
    });
  });

  describe("compare and set", () => {
    it("writes all when all conditions hold, in order", () => {
      const world = new World();
      const { revision } = world.kv("Put", { key: "a", value: bytes("1") });
      const answer = world.kv("CompareAndSet", {
        conditions: [
          { key: "a", value: bytes("1") },
          { key: "a", revision },
          { key: "b", absent: true },
          { key: "a", absent: false },
          { key: "b", revision: "0" },
        ],
        writes: [
          { key: "a", delete: true },
          { key: "b", put: bytes("2") },
          { key: "c", put: bytes("3") },
          { key: "c", put: bytes("4") },
        ],
      });
      expect(answer).toEqual({ succeeded: true, failedKeys: [], revision: "2" });
      expect(world.kv("Get", { key: "a" })).toMatchObject({ found: false });
      expect(world.kv("Get", { key: "b" })).toMatchObject({ value: bytes("2"), revision: "2" });
      expect(world.kv("Get", { key: "c" })).toMatchObject({ value: bytes("4") });
    });

    it("writes nothing when a condition does not hold, and names each key once", () => {
      const world = new World();
      world.kv("Put", { key: "a", value: bytes("1") });
      const answer = world.kv("CompareAndSet", {
        conditions: [
          { key: "a", value: bytes("2") },
          { key: "a", absent: true },
          { key: "a", value: bytes("1") },
          { key: "b", absent: false },
          { key: "c", revision: "7" },
          { key: "d", value: Buffer.alloc(0) },
        ],
        writes: [{ key: "e", put: bytes("1") }],
      });
      expect(answer).toEqual({ succeeded: false, failedKeys: ["a", "b", "c", "d"], revision: "0" });
      expect(world.kv("Get", { key: "e" })).toMatchObject({ found: false });
    });

    it("only compares when there is nothing to write", () => {
      const answer = new World().kv("CompareAndSet", { conditions: [{ key: "a", absent: true }] });
      expect(answer).toEqual({ succeeded: true, failedKeys: [], revision: "0" });
    });
  });

  const large = Buffer.alloc((512 << 10) + 1);
  const many = Array.from({ length: 1001 }, () => ({ key: "a", absent: true }));
  it.each([
    ["Put", { key: "", value: bytes("1") }, "key"],
    ["Put", { key: "x".repeat(1025), value: bytes("1") }, "key"],
    ["Put", { key: "é".repeat(513), value: bytes("1") }, "found 1026"],
    ["Put", { key: "a", value: large }, "value"],
    ["Get", { key: "" }, "key"],
    ["Delete", { key: "" }, "key"],
    ["Append", { key: "a", value: large }, "value"],
    ["Range", { prefix: "x".repeat(1025) }, "prefix"],
    ["Range", { limit: 1001 }, "limit"],
    ["Range", { continuation: "!" }, "continuation"],
    ["Range", { prefix: "b", continuation: bytes("a").toString("base64url") }, "continuation"],
    ["CompareAndSet", {}, "at least one"],
    ["CompareAndSet", { conditions: many }, "conditions"],
    ["CompareAndSet", { writes: many.map(() => ({ key: "a", delete: true })) }, "writes"],
    ["CompareAndSet", { conditions: [{ key: "a", absent: true }, { key: "a" }] }, "conditions[1]"],
    ["CompareAndSet", { conditions: [{ key: "", absent: true }] }, "conditions[0].key"],
    ["CompareAndSet", { conditions: [{ key: "a", value: large }] }, "conditions[0].value"],
    // A condition with two members set, which no codec would write: key "a", value "1", absent true.
    ["CompareAndSet", Buffer.from("0a080a01611201311801", "hex"), "CompareAndSet"],
    ["CompareAndSet", { writes: [{ key: "a" }] }, "writes[0]"],
    ["CompareAndSet", { writes: [{ key: "", delete: true }] }, "writes[0].key"],
    ["CompareAndSet", { writes: [{ key: "a", delete: false }] }, "writes[0].delete"],
    ["CompareAndSet", { writes: [{ key: "a", put: large }] }, "writes[0].put"],
  ] as const)("says what is wrong with %s %#, at the edge as in the log", (method, request, field) => {
    const world = new World();
    const bytesOfRequest = encoded(service, method, request);
    expect(world.engine.validate(service, method, bytesOfRequest)).toMatchObject(invalid(field));
    expect(world.kv(method, request)).toMatchObject(invalid(field));
  });

  it("finds nothing wrong, at the edge, with requests that can be executed", () => {
    const world = new World();
    for (const [method, request] of [
      ["Put", { key: "x".repeat(1024), value: large.subarray(1) }],
      ["Range", {}],
      ["CompareAndSet", { conditions: [{ key: "a", value: Buffer.alloc(0) }] }],
    ] as const) {
      expect(world.engine.validate(service, method, encoded(service, method, request))).toBeUndefined();
    }
  });
});
