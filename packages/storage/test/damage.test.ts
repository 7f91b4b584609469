import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { recordCodec } from "@synod/wire";
import { open } from "lmdb";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { slotKey } from "../src/bytes.js";
import { createAcceptorStore, openAcceptorStore, openReplicaStore, type ReplicaStore } from "../src/index.js";
import { accept, key, text } from "./samples.js";
import { failureOf, temporaryDirectory } from "./temporary.js";

const acceptor = { id: "a1", codec: recordCodec };
const replica = { id: "r1", clusterId: "c1", flushEveryMs: 0 };

async function madeAcceptor(): Promise<string> {
  const directory = path.join(temporaryDirectory(), "store");
  await createAcceptorStore(directory, acceptor);
  const store = await openAcceptorStore(directory, acceptor);
  for (let slot = 1; slot <= 3; slot++) store.write(accept(slot));
  await store.close();
  return directory;
}

/** Changes a record behind the store's back. */
async function tamper(
  directory: string,
  database: string,
  record: Uint8Array,
  change: (bytes: Uint8Array) => void,
): Promise<void> {
  const options = { encoding: "binary", keyEncoding: "binary", overlappingSync: false } as const;
  const root = open<Uint8Array, Uint8Array>({ path: directory, noSubdir: false, ...options });
  const opened = root.openDB<Uint8Array, Uint8Array>(database, options);
  const bytes = Uint8Array.from(opened.getBinary(record) as Uint8Array);
  change(bytes);
  await opened.put(record, bytes);
  await root.close();
}

/** Changes bytes of the file, wherever they stand in it, whether a store is open on it or not. */
function flip(directory: string, text: string, change: (found: Buffer) => void): void {
  const file = openSync(path.join(directory, "data.mdb"), "r+");
  const bytes = readFileSync(file);
  let count = 0;
  for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + 1), count++) {
    const found = bytes.subarray(at, at + text.length);
    change(found);
    writeSync(file, found, 0, found.length, at);
  }
  closeSync(file);
  expect(count).toBeGreaterThan(0);
}

const flipLast = (bytes: Uint8Array) => {
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
};

describe("a directory that holds no store of ours is refused", () => {
  test("an acceptor's store is made by init only, in an empty directory", async () => {
    const directory = path.join(temporaryDirectory(), "store");
    expect(await failureOf(openAcceptorStore(directory, acceptor))).toMatchObject({ reason: "missing" });
    mkdirSync(directory);
    const empty = await failureOf(openAcceptorStore(directory, acceptor));
    expect(empty).toMatchObject({ reason: "missing" });
    expect(String(empty)).toContain("synod-acceptor init");
    expect(readdirSync(directory)).toEqual([]);
    mkdirSync(path.join(directory, "lost+found")); // in the root of a mounted volume
    await createAcceptorStore(directory, acceptor);
    expect(await failureOf(createAcceptorStore(directory, acceptor))).toMatchObject({ reason: "occupied" });
    await (await openAcceptorStore(directory, acceptor)).close();
  });

  test("other files are left alone", async () => {
    const directory = temporaryDirectory();
    writeFileSync(path.join(directory, "photo.jpg"), "");
    expect(await failureOf(openAcceptorStore(directory, acceptor))).toMatchObject({ reason: "foreign" });
    expect(await failureOf(openReplicaStore(directory, replica))).toMatchObject({ reason: "foreign" });
    expect(await failureOf(createAcceptorStore(directory, acceptor))).toMatchObject({ reason: "occupied" });
    expect(readdirSync(directory)).toEqual(["photo.jpg"]);
  });

  test("the store of another role or program", async () => {
    const ours = await madeAcceptor();
    const error = await failureOf(openReplicaStore(ours, { ...replica, id: "a1" }));
    expect(error).toMatchObject({ reason: "foreign" });
    expect(String(error)).toContain("expected the store of a replica, found that of acceptor a1");
    const replicas = path.join(temporaryDirectory(), "store");
    await (await openReplicaStore(replicas, replica)).close();
    expect(String(await failureOf(openAcceptorStore(replicas, { id: "r1", codec: recordCodec })))).toContain(
      "expected the store of a acceptor, found that of replica r1",
    );
    const theirs = temporaryDirectory();
    const other = open({ path: theirs, noSubdir: false, name: "table" });
    await other.put("key", "value");
    await other.close();
    expect(await failureOf(openAcceptorStore(theirs, acceptor))).toMatchObject({ reason: "foreign" });
    expect(await failureOf(openReplicaStore(theirs, replica))).toMatchObject({ reason: "foreign" });
  });

  test("a store whose making was interrupted: an acceptor's is refused, a replica's is finished", async () => {
    const directory = temporaryDirectory();
    await open({ path: directory, noSubdir: false, overlappingSync: false }).close();
    expect(await failureOf(openAcceptorStore(directory, acceptor))).toMatchObject({ reason: "damaged" });
    const store = await openReplicaStore(directory, replica);
    expect(store.identity.startCount).toBe(1);
    await store.close();
  });
});

describe("damage is found, never read as data", () => {
  describe("in a row of a replica's state", () => {
    async function rotten(change: (found: Buffer) => void = flipLast) {
      const directory = temporaryDirectory();
      const told: unknown[] = [];
      const store = await openReplicaStore(directory, { ...replica, onFailure: (error) => told.push(error) });
      onTestFinished(() => store.close().catch(() => {}));
      for (const name of ["a", "b", "c"]) store.state.put(key(name), key(`value of ${name}`));
      await store.flush();
      flip(directory, "value of b", change);
      return { store, told };
    }
    const damaged = expect.objectContaining({
      reason: "damaged",
      message: expect.stringContaining('the row of key "b" of the state is damaged'),
    });
    const reads = {
      get: ({ state }: ReplicaStore) => state.get(key("b")),
      range: ({ state }: ReplicaStore) => [...state.range({ from: key("a") })],
      "range backwards": ({ state }: ReplicaStore) => [...state.range({ from: key("a"), reverse: true })],
      delete: ({ state }: ReplicaStore) => state.delete(key("b")),
    };

    test.each(Object.entries(reads))("by %s, which tells and gives nothing", async (_, read) => {
      for (const change of [
        flipLast,
        (bytes: Uint8Array) => bytes.set([0], 1),
        (bytes: Uint8Array) => bytes.fill(0),
      ]) {
        const { store, told } = await rotten(change);
        expect(text(store.state.get(key("a")))).toBe("value of a");
        expect(() => read(store)).toThrow(damaged);
        expect(told).toEqual([damaged]);
      }
    });

    test("by a snapshot, of which nothing is given from there on", async () => {
      const { store, told } = await rotten();
      const snapshot = await store.snapshot();
      expect(() => snapshot.page(undefined, 1e6)).toThrow(damaged);
      expect(() => snapshot.page(key("b"), 1e6)).toThrow(damaged);
      expect(told).toEqual([damaged]);
    });

    test("and whoever goes on all the same can neither read nor write any more", async () => {
      const { store } = await rotten();
      store.state.put(key("d"), key("before"));
      await store.flush();
      store.state.put(key("e"), key("in the slot that reads it"));
      expect(() => store.state.get(key("b"))).toThrow(damaged);
      expect(() => store.state.get(key("a"))).toThrow(damaged);
      expect(() => store.state.put(key("f"), key(""))).toThrow(damaged);
      await expect(store.flush()).rejects.toThrow(damaged);
    });
  });

  const moments = { "in the first second of the process": 0, later: 1000 };
  test.each(Object.entries(moments))(
    "in a key, where the row is not found any more and another stands in its place, %s",
    async (_, at) => {
      const now = vi.spyOn(performance, "now").mockReturnValue(at);
      onTestFinished(() => now.mockRestore());
      for (const changed of ["b", "y"]) {
        const directory = temporaryDirectory();
        const store = await openReplicaStore(directory, replica);
        for (const name of ["a-key", "m-key", "z-key"]) store.state.put(key(name), key("value"));
        await store.flush();
        flip(directory, "m-key", (found) => found.write(changed));
        expect(() => store.state.get(key("m-key"))).toThrow(
          `the row of key "${changed}-key" of the state is damaged`,
        );
        await store.close();
      }
    },
  );

  test.each([
    ["c", "z", {}],
    ["c", "z", { reverse: true }],
    ["b", "0", { from: key("b-key") }],
    ["b", "0", { from: key("b-key"), reverse: true }],
    ["e", "z", { from: key("e"), until: key("e-") }],
  ])("in a key at which a range begins or ends now: %s became %s, %o", async (from, to, range) => {
    const directory = temporaryDirectory();
    const store = await openReplicaStore(directory, replica);
    onTestFinished(() => store.close().catch(() => {}));
    for (const name of ["a", "b", "c", "d", "e"]) store.state.put(key(`${name}-key`), key("value"));
    await store.flush();
    flip(directory, `${from}-key`, (found) => found.write(to));
    const read = () => [...store.state.range({ from: key("a"), until: key("f"), ...range })];
    expect(read).toThrow(`the row of key "${to}-key" of the state is damaged`);
  });

  test("in the name of an acceptor's votes, which is no reason to take the store for another's", async () => {
    const directory = await madeAcceptor();
    flip(directory, "accepted\0", (found) => found.write("accfpted"));
    const error = await failureOf(openAcceptorStore(directory, acceptor));
    expect(error).toMatchObject({ reason: "damaged" });
    expect(String(error)).toContain("expected a database accepted, found none");
  });

  describe("where nobody reads it, while the process runs", () => {
    const damaged = expect.objectContaining({ reason: "damaged" });

    test("in a replica's row, its log, and a key", async () => {
      for (const [found, change] of [
        ["value of b", flipLast],
        ["decided", flipLast],
        ["a-rather-long-key", (bytes: Buffer) => bytes.write("z")],
      ] as const) {
        const directory = temporaryDirectory();
        const told: unknown[] = [];
        const onFailure = (error: unknown) => told.push(error);
        const store = await openReplicaStore(directory, { ...replica, onFailure, scrubEveryMs: 5 });
        onTestFinished(() => store.close().catch(() => {}));
        for (const name of ["a", "a-rather-long-key", "b"])
          store.state.put(key(name), key(`value of ${name}`));
        store.log.append(1, key("decided"));
        await store.flush();
        flip(directory, found, change);
        await vi.waitFor(() => expect(told).toEqual([damaged]), 20_000);
        expect(() => store.state.get(key("a"))).toThrow(damaged);
      }
    });

    test("in an acceptor's pvalue", async () => {
      const directory = path.join(temporaryDirectory(), "store");
      await createAcceptorStore(directory, acceptor);
      const told: unknown[] = [];
      const onDamage = (error: unknown) => told.push(error);
      const store = await openAcceptorStore(directory, { ...acceptor, onDamage, scrubEveryMs: 5 });
      onTestFinished(() => store.close());
      store.write(accept(1));
      await store.commit();
      flip(directory, "batch 1", flipLast);
      await vi.waitFor(() => expect(told).toEqual([damaged]), 20_000);
    });
  });

  test("reading the file again and again keeps no page from being used again", async () => {
    const store = await openReplicaStore(temporaryDirectory(), { ...replica, scrubEveryMs: 1 });
    onTestFinished(() => store.close());
    const grownBy = async () => {
      const before = store.usedBytes;
      for (let time = 0; time < 30; time++) {
        store.state.put(key("row"), Buffer.alloc(20_000, time));
        await store.flush();
      }
      return store.usedBytes - before;
    };
    // A pass under way keeps what it reads, however long it takes on a busy machine; when it is over the pages are free.
    const grown: number[] = [];
    do grown.push(await grownBy());
    while (grown.length < 40 && (grown.at(-1) ?? 0) > 0);
    expect(grown.at(-1)).toBe(0);
  });

  test("a file that is gone while the process runs is told of, and ends nothing else", async () => {
    const directory = path.join(temporaryDirectory(), "store");
    await createAcceptorStore(directory, acceptor);
    const told: unknown[] = [];
    const onDamage = (error: unknown) => told.push(error);
    const store = await openAcceptorStore(directory, { ...acceptor, onDamage, scrubEveryMs: 5 });
    onTestFinished(() => store.close());
    rmSync(path.join(directory, "data.mdb"));
    await vi.waitFor(() => expect(told).toEqual([expect.objectContaining({ reason: "failed" })]), 20_000);
  });

  test("in a pvalue, when it is read and when the store is opened", async () => {
    const directory = await madeAcceptor();
    const store = await openAcceptorStore(directory, acceptor);
    flip(directory, "batch 2", flipLast);
    expect(store.page(3, 10, 1e9).accepted).toHaveLength(1);
    expect(() => store.page(1, 10, 1e9)).toThrow(
      expect.objectContaining({ reason: "damaged", message: expect.stringContaining("slot 2 is damaged") }),
    );
    await store.close();
    const reopened = await failureOf(openAcceptorStore(directory, acceptor));
    expect(reopened).toMatchObject({ reason: "damaged" });
    expect(String(reopened)).toContain("database accepted has a damaged record");
  });

  test("in a pvalue that lies under another slot's key", async () => {
    const directory = await madeAcceptor();
    const options = { encoding: "binary", keyEncoding: "binary", overlappingSync: false } as const;
    const root = open<Uint8Array, Uint8Array>({ path: directory, noSubdir: false, ...options });
    const accepted = root.openDB<Uint8Array, Uint8Array>("accepted", options);
    await accepted.put(slotKey(9), accepted.getBinary(slotKey(1)) as Uint8Array);
    await root.close();
    expect(await failureOf(openAcceptorStore(directory, acceptor))).toMatchObject({ reason: "damaged" });
  });

  test.each(["promise", "identity"])("in the record of the %s, at start", async (name) => {
    const directory = await madeAcceptor();
    await tamper(directory, "meta", key(name), flipLast);
    expect(await failureOf(openAcceptorStore(directory, acceptor))).toMatchObject({ reason: "damaged" });
  });

  test("in a replica's log, when it is read and when the store is opened", async () => {
    const directory = temporaryDirectory();
    const told: unknown[] = [];
    const store = await openReplicaStore(directory, { ...replica, onFailure: (error) => told.push(error) });
    for (const slot of [1, 2, 3]) store.log.append(slot, key(`value ${slot}`));
    await store.flush();
    flip(directory, "value 2", flipLast);
    expect(() => store.log.page(1, 10, 1e9)).toThrow(/slot 2 of the log is damaged/);
    expect(told).toMatchObject([{ reason: "damaged" }]);
    await store.close();
    expect(String(await failureOf(openReplicaStore(directory, replica)))).toContain(
      "database log has a damaged record",
    );
  });

  test("in the database itself", async () => {
    const directory = await madeAcceptor();
    const file = path.join(directory, "data.mdb");
    const sound = readFileSync(file);
    const damage = [
      Buffer.from(sound).fill(0x5a, 0, 4096),
      Buffer.from(sound).fill(0x5a, 4096, 8192),
      sound.subarray(0, 8192),
      sound.subarray(0, 4096),
      sound.subarray(0, 100),
      sound.subarray(0, 0),
      Buffer.from("no database"),
    ];
    for (const bytes of damage) {
      writeFileSync(file, bytes);
      expect(await failureOf(openAcceptorStore(directory, acceptor))).toMatchObject({ reason: "damaged" });
    }
    writeFileSync(file, sound);
    await (await openAcceptorStore(directory, acceptor)).close();
  });

  test("a store of another format is refused with both numbers", async () => {
    const directory = await madeAcceptor();
    await tamper(directory, "meta", key("identity"), (bytes) => {
      bytes[0] = 1; // the protocol's values were encoded otherwise
    });
    const error = await failureOf(openAcceptorStore(directory, acceptor));
    expect(error).toMatchObject({ reason: "format" });
    expect(String(error)).toContain(
      "expected a store of format 2, found 1. Start the version of Synod that wrote it",
    );
    const other = path.join(temporaryDirectory(), "store");
    await (await openReplicaStore(other, replica)).close();
    await tamper(other, "meta", key("identity"), (bytes) => {
      bytes[0] = 2; // rows of the state had no seals
    });
    const older = await failureOf(openReplicaStore(other, replica));
    expect(older).toMatchObject({ reason: "format" });
    expect(String(older)).toContain("expected a store of format 3, found 2");
    expect(String(older)).toContain("empty the directory");
  });
});
