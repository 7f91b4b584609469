import { ByteWriter, slotKey, slotOf } from "./bytes.js";
import { afterThisTurn, type CommitDone } from "./commit-queue.js";
import {
  type ByteDatabase,
  Environment,
  foreignFiles,
  leastKey,
  lookInto,
  makeDirectory,
  syncDirectory,
} from "./environment.js";
import { storeFailure } from "./error.js";
import {
  decodeIdentity,
  drawStoreId,
  encodeIdentity,
  identityKey,
  type StoreIdentity,
  startedIdentity,
} from "./identity.js";
import type { Layer, LogEntry } from "./layer.js";
import type { DiskRange } from "./layered-map.js";
import { type Ownership, ownDirectory } from "./ownership.js";
import { type ReplicaDisk, ReplicaStore, type ReplicaStoreOptions } from "./replica-store.js";
import { readRecord, sealRecord, startRecord } from "./seal.js";

/** With lmdb's usual 4 KiB a key could have 1,978 bytes only. */
const pageBytes = 8192;

const metaName = "meta";
const stateName = "state";
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
    const environment = await Environment.open(directory, pageBytes);
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
  const state = environment.database(stateName, true) as ByteDatabase;
  const log = environment.database(logName, true) as ByteDatabase;
  await environment.write(() => meta.put(identityKey, encodeIdentity("replica", identity)));
  await syncDirectory(directory).catch((error: unknown) => {
    throw storeFailure(directory, "syncing the data directory", error);
  });
  return new LmdbReplicaDisk(environment, ownership, identity, state, log);
}

class LmdbReplicaDisk implements ReplicaDisk {
  readonly identity: StoreIdentity;
  readonly #environment: Environment;
  readonly #ownership: Ownership;
  readonly #state: ByteDatabase;
  readonly #log: ByteDatabase;

  constructor(
    environment: Environment,
    ownership: Ownership,
    identity: StoreIdentity,
    state: ByteDatabase,
    log: ByteDatabase,
  ) {
    this.#environment = environment;
    this.#ownership = ownership;
    this.identity = identity;
    this.#state = state;
    this.#log = log;
  }

  get firstSlot(): number {
    for (const key of this.#log.getKeys({ start: leastKey, limit: 1 })) return slotOf(key);
    return 0;
  }

  get lastSlot(): number {
    for (const key of this.#log.getKeys({ end: leastKey, reverse: true, limit: 1 })) return slotOf(key);
    return 0;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#state.get(key);
  }

  entries({ from, until, reverse, limit }: DiskRange): (readonly [Uint8Array, Uint8Array])[] {
    const low = from.length > 0 ? from : leastKey;
    if (until && Buffer.compare(low, until) >= 0) return [];
    const range = reverse
      ? { ...(until && { start: until, exclusiveStart: true }), end: low, inclusiveEnd: true, reverse, limit }
      : { start: low, ...(until && { end: until }), limit };
    const entries: (readonly [Uint8Array, Uint8Array])[] = [];
    for (const { key, value } of this.#state.getRange(range)) entries.push([key, value]);
    return entries;
  }

  *log(from: number, through: number): Iterable<LogEntry> {
    if (through < from) return;
    const { directory } = this.#environment;
    for (const { key, value } of this.#log.getRange({ start: slotKey(from), end: slotKey(through + 1) })) {
      const slot = slotOf(key);
      const contents = readRecord(directory, `slot ${slot} of the log`, key, value, (reader) =>
        reader.bytes(),
      );
      yield { slot, value: contents };
    }
  }

  commit(layer: Layer, done: CommitDone): void {
    const slots = layer.log.map(({ slot, value }) => {
      const key = slotKey(slot);
      const writer = startRecord(new ByteWriter(value.length + 16));
      writer.bytes(value);
      return { key, record: sealRecord(key, writer) };
    });
    this.#environment.transact(() => {
      for (const { key, value } of layer.entries.values()) {
        if (value === undefined) this.#state.remove(key);
        else this.#state.put(key, value);
      }
      for (const { key, record } of slots) this.#log.put(key, record);
    }, done);
  }

  async close(): Promise<void> {
    try {
      await this.#environment.close();
    } finally {
      await this.#ownership.release();
    }
  }
}
