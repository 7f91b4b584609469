import { readFileSync, readSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test, vi } from "vitest";
import { openReplicaStore } from "../src/index.js";
import { LmdbFile } from "../src/lmdb-file.js";
import { key } from "./samples.js";
import { temporaryDirectory } from "./temporary.js";

vi.mock("node:fs", async (original) => {
  const actual = await original<typeof import("node:fs")>();
  return { ...actual, readSync: vi.fn(actual.readSync) };
});

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

  const file = new LmdbFile(dataFile);
  // The number of the last transaction is there already, and its roots are still those of an earlier one.
  const torn = Buffer.from(after);
  before.copy(torn, written, written, written + 152);
  writeFileSync(dataFile, torn);
  const read = vi.mocked(readSync).getMockImplementation() as typeof readSync;
  vi.mocked(readSync).mockImplementation((...given: Parameters<typeof readSync>) => {
    const count = read(...given);
    if ((given as readonly unknown[])[4] === written) writeFileSync(dataFile, after);
    return count;
  });
  expect(() => file.newestMeta()).toThrow("changes while it is read");
  expect(file.newestMeta().main.root).toBe(Number(after.readBigUInt64LE(written + 136)));
  file.close();
});
