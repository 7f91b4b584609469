import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { openReplicaStore, type ReplicaStore, StoreError } from "../src/index.js";
import { key } from "./samples.js";
import { temporaryDirectory } from "./temporary.js";

const replica = { id: "r1", clusterId: "c1", flushEveryMs: 0 };
const pageBytes = 8192;

/** Numbers below a limit, always the same. */
function drawn(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** All that a store holds, in a few digits. */
const contents = (store: ReplicaStore) => {
  const hash = createHash("sha256");
  for (const row of store.state.range({ from: key("") }))
    for (const bytes of row) hash.update(bytes).update("|");
  for (const { slot, value } of store.log.page(1, 1e6, 1e9).entries) hash.update(`${slot}`).update(value);
  return `holds ${hash.digest("hex").slice(0, 16)}`;
};

/** A store that has pages in use, pages given back, and large values; what it holds; and an earlier state of its file. */
async function aged(): Promise<{ file: Buffer; earlier: Buffer; held: string }> {
  const directory = temporaryDirectory();
  const draw = drawn(7);
  const store = await openReplicaStore(directory, replica);
  const dataFile = path.join(directory, "data.mdb");
  let earlier = Buffer.alloc(0);
  for (let slot = 1; slot <= 60; slot++) {
    for (let row = 0; row < 12; row++) {
      const name = key(`key ${draw(300)}`);
      if (draw(4) === 0) store.state.delete(name);
      else store.state.put(name, key(`${slot} `.repeat(draw(40) === 0 ? 4_000 : 1 + draw(40))));
    }
    store.log.append(slot, key(`value ${slot}`));
    await store.flush();
    if (slot === 58) earlier = readFileSync(dataFile);
  }
  const held = contents(store);
  await store.close();
  return { file: readFileSync(dataFile), earlier, held };
}

/** What comes of a store whose file is this: what it was refused for, or what it holds. */
async function opened(bytes: Uint8Array): Promise<string> {
  const directory = temporaryDirectory();
  writeFileSync(path.join(directory, "data.mdb"), bytes);
  try {
    const store = await openReplicaStore(directory, replica);
    try {
      return contents(store);
    } finally {
      await store.close();
    }
  } catch (error) {
    if (error instanceof StoreError) return error.reason;
    throw error;
  }
}

test("a byte that changed in the file is found at start, or is one that holds nothing", async () => {
  const { file, held } = await aged();
  expect(await opened(file)).toBe(held);
  const draw = drawn(20);
  let found = 0;
  for (let flip = 0; flip < 60; flip++) {
    const bytes = Buffer.from(file);
    const at = draw(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << draw(8));
    const came = await opened(bytes);
    if (came === "damaged" || came === "format") found++;
    else expect(came, `byte ${at}`).toBe(held);
  }
  expect(found).toBeGreaterThan(8);
});

test("a page that is lost, stands in another's place or is an old one is found at start, where it is in use", async () => {
  const { file, held, earlier } = await aged();
  const pages = file.length / pageBytes;
  const pageOf = (bytes: Buffer, page: number) => bytes.subarray(page * pageBytes, (page + 1) * pageBytes);
  let found = 0;
  for (let page = 0; page < pages; page++) {
    const replacements = [Buffer.alloc(pageBytes), pageOf(file, (page + 1) % pages)];
    // An old head is what a process leaves that dies before its last commit ends: nothing is wrong with that.
    if (page > 1) replacements.push(pageOf(earlier, page));
    for (const replacement of replacements) {
      if (replacement.length < pageBytes || replacement.equals(pageOf(file, page))) continue;
      const bytes = Buffer.from(file);
      replacement.copy(bytes, page * pageBytes);
      const came = await opened(bytes);
      if (came === "damaged") found++;
      else expect(came, `page ${page}`).toBe(held);
    }
  }
  expect(found).toBeGreaterThan(20);
});

test("what says how a file is to be read is found where it changed", async () => {
  const { file } = await aged();
  const word = (number: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(number));
    return bytes;
  };
  const newest = file.readBigUInt64LE(152) > file.readBigUInt64LE(pageBytes + 152) ? 0 : pageBytes;
  const root = Number(file.readBigUInt64LE(newest + 48 + 40)) * pageBytes;
  const freed = root + 24 + file.readUInt16LE(root + 24) + 16;
  /** In the tree of databases, whose records follow their names. */
  const databases = Number(file.readBigUInt64LE(newest + 96 + 40)) * pageBytes;
  const named = (name: string) => file.indexOf(`${name}\0`, databases, "latin1");
  const changes: Readonly<Record<string, (bytes: Buffer) => unknown>> = {
    "the order of the keys of the free pages": (bytes) => bytes.fill(0, newest + 52, newest + 53),
    "several values for a key of the databases": (bytes) => bytes.fill(4, newest + 100, newest + 101),
    "the order of the keys of a database": (bytes) => bytes.fill(2, named("log") + 8, named("log") + 9),
    "the name of the state": (bytes) => bytes.write("stase", named("state"), "latin1"),
    "how many free pages follow": (bytes) => word(1 << 20).copy(bytes, freed),
    "fewer free pages than none": (bytes) => word(-3).copy(bytes, freed),
  };
  for (const [what, change] of Object.entries(changes)) {
    const bytes = Buffer.from(file);
    change(bytes);
    expect(bytes.equals(file), what).toBe(false);
    expect(await opened(bytes), what).toBe("damaged");
  }
});

test("a file cut short is found at start", async () => {
  const { file, held } = await aged();
  for (let pages = 2; pages < file.length / pageBytes; pages += 5) {
    const came = await opened(file.subarray(0, pages * pageBytes));
    if (came !== "damaged") expect(came).toBe(held);
  }
});
