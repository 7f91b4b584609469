import path from "node:path";
import { open as openRaw } from "lmdb";
import { describe, expect, test } from "vitest";
import { openReplicaStore } from "../src/index.js";
import { sealRow } from "../src/seal.js";
import { defaults, put } from "./replica-stores.js";
import { key } from "./samples.js";
import { temporaryDirectory } from "./temporary.js";

const options = { encoding: "binary", keyEncoding: "binary", overlappingSync: false } as const;
type Database = ReturnType<ReturnType<typeof openRaw<Uint8Array, Uint8Array>>["openDB"]>;

async function raw<T>(
  directory: string,
  use: (database: (name: string) => Database) => T | Promise<T>,
): Promise<T> {
  const root = openRaw<Uint8Array, Uint8Array>({
    path: directory,
    noSubdir: false,
    pageSize: 8192,
    ...options,
  });
  const result = await use((name) => root.openDB<Uint8Array, Uint8Array>(name, options));
  await root.close();
  return result;
}
const keysIn = (directory: string, ...databases: string[]) =>
  raw(directory, (database) =>
    databases.map((name) => database(name).getKeysCount({ start: Uint8Array.of(0) })),
  );

describe("a replica's two states on disk", () => {
  test("one of them is empty when nothing comes in", async () => {
    const directory = path.join(temporaryDirectory(), "store");
    const store = await openReplicaStore(directory, defaults);
    put(store, "old", "");
    store.log.append(1, key("one"));
    await store.flush();
    const install = await store.beginInstall({ id: "x", slot: 10 });
    await install.put([[key("new"), key("")]], key(""));
    await install.finish();
    await store.close();
    expect(await keysIn(directory, "state", "state-2", "log")).toEqual([0, 1, 0]);
  });

  test("what a process left in the other when it died, the next one clears away", async () => {
    const directory = path.join(temporaryDirectory(), "store");
    await (await openReplicaStore(directory, defaults)).close();
    await raw(directory, (database) =>
      database("state-2").put(key("left behind"), sealRow(key("left behind"), key(""))),
    );
    await (await openReplicaStore(directory, defaults)).close();
    expect(await keysIn(directory, "state-2")).toEqual([0]);
  });
});
