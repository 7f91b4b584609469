import { readFileSync, readSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { openReplicaStore } from "../src/index.js";
import { LmdbFile } from "../src/lmdb-file.js";
import { key } from "./samples.js";
import { temporaryDirectory } from "./temporary.js";

test("a head that is read while it is written is not taken for one that was written", async () => {
  const directory = temporaryDirectory();
  const store = await openReplicaStore(directory, { id: "r1", clusterId: "c1", flushEveryMs: 0 });
  const dataFile = path.join(directory, "data.mdb");
  store.state.put(key("a"), key("1"));
  await store.flush();
  const before = readFileSync(dataFile);
  store.state.put(key("a"), key("2"));
  await store.flush();
  await store.close();
  const after = readFileSync(dataFile);
  const written = [0, 8192].find(
    (head) => !before.subarray(head, head + 160).equals(after.subarray(head, head + 160)),
  );
  if (written === undefined) throw new Error("expected a head that the last transaction wrote, found none");

  let reads = written === 0 ? 0 : 1; // the constructor reads page 0
  // The number of the last transaction is there already, and its roots are still those of an earlier one.
  const torn = Buffer.from(after);
  before.copy(torn, written, written, written + 152);
  writeFileSync(dataFile, torn);
  const file = new LmdbFile(dataFile, (descriptor, into, offset, length, position) => {
    const count = readSync(descriptor, into, offset, length, position);
    if (length === 160 && position === written && ++reads === 2) writeFileSync(dataFile, after);
    return count;
  });
  expect(() => file.newestMeta()).toThrow("changes while it is read");
  expect(file.newestMeta().main.root).toBe(Number(after.readBigUInt64LE(written + 136)));
  file.close();
});
