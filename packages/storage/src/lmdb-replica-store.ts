import { afterThisTurn } from "./commit-queue.js";
import {
  type ByteDatabase,
  Environment,
  foreignFiles,
  lookInto,
  makeDirectory,
  syncDirectory,
} from "./environment.js";
import { damagedStore, storeFailure } from "./error.js";
import { decodeIdentity, drawStoreId, encodeIdentity, identityKey, startedIdentity } from "./identity.js";
import { LmdbReplicaDisk } from "./lmdb-replica-disk.js";
import { type Ownership, ownDirectory } from "./ownership.js";
import { pageBytes } from "./replica-record.js";
import { ReplicaStore, type ReplicaStoreOptions } from "./replica-store.js";

const metaName = "meta";
const stateNames = ["state", "state-2"] as const;
const logName = "log";

/**
 * Opens a replica's store for this process alone, and makes it in a directory that is absent or empty: what a replica
 * loses it learns again. Throws StoreError `foreign`, `format`, `damaged`, `owned` or `failed`.
 */
export async function openReplicaStore(
  directory: string,
  options: ReplicaStoreOptions,
): Promise<ReplicaStore> {
  const found = await lookInto(directory);
  if (found === "other") throw foreignFiles(directory);
  if (found === "absent") await makeDirectory(directory);
  const ownership = await ownDirectory(directory);
  try {
    const environment = await Environment.open({ directory, kind: "replica" }, pageBytes);
    try {
      const disk = await openDisk(environment, ownership, options);
      return new ReplicaStore(disk, options, afterThisTurn);
    } catch (error) {
      await environment.close();
      throw error;
    }
  } catch (error) {
    await ownership.release();
    throw error;
  }
}

/** A store that has its identity has all of its databases. Throws StoreError `damaged`. */
function openDatabase(environment: Environment, name: string, isNew: boolean): ByteDatabase {
  const found = environment.database(name, isNew);
  if (found === undefined) throw damagedStore(environment.place, `expected a database ${name}, found none`);
  return found;
}

async function openDisk(
  environment: Environment,
  ownership: Ownership,
  expected: ReplicaStoreOptions,
): Promise<LmdbReplicaDisk> {
  const { directory } = environment;
  // Blank: just made, or its making was interrupted at the very start.
  const meta = environment.database(metaName, environment.isBlank);
  if (meta === undefined) throw foreignFiles(directory);
  const record = meta.get(identityKey);
  const known = record
    ? decodeIdentity(directory, "replica", record)
    : { id: expected.id, store: drawStoreId(), startCount: 0, clusterId: expected.clusterId };
  const identity = startedIdentity(directory, known, expected);
  // All at once: opening one later would wait for whatever lmdb is writing.
  const open = (name: string) => openDatabase(environment, name, record === undefined);
  const states = [open(stateNames[0]), open(stateNames[1])] as const;
  const log = open(logName);
  await environment.write(() => meta.put(identityKey, encodeIdentity("replica", identity)));
  await syncDirectory(directory).catch((error: unknown) => {
    throw storeFailure(directory, "syncing the data directory", error);
  });
  return new LmdbReplicaDisk(environment, ownership, identity, { meta, states, log }, expected.scrubEveryMs);
}
