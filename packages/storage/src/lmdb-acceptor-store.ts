import type { AcceptorRecord, AcceptorState, Ballot, PValue, TrimRecord } from "@synod/core";
import { AcceptorRecords, type KeyedRecord, promiseKey, trimKey } from "./acceptor-record.js";
import { type AcceptorDisk, AcceptorStore } from "./acceptor-store.js";
import { slotKey, slotOf } from "./bytes.js";
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
import { damagedStore, StoreError, storeFailure } from "./error.js";
import {
  decodeIdentity,
  drawStoreId,
  encodeIdentity,
  identityKey,
  type StoreIdentity,
  startedIdentity,
} from "./identity.js";
import { type Ownership, ownDirectory } from "./ownership.js";
import type { RecordCodec } from "./record-codec.js";
import { Scrub } from "./scrub.js";

const pageBytes = 4096;
/** Slots removed in one transaction after a trim, so that a long trim holds up neither event loop nor disk. */
const slotsPerSweep = 1000;

const metaName = "meta";
const acceptedName = "accepted";

export interface NewAcceptorStore {
  readonly id: string;
  readonly codec: RecordCodec;
  /** Of a cluster restored from a backup: what is below is decided, in the replicas' state, and never again here. */
  readonly trim?: TrimRecord | undefined;
}

/**
 * `init`, and restoring a backup into a new cluster: makes an acceptor's store in a directory that is absent or empty, and
 * returns its id, for the cluster file. Nothing else ever makes one (rule 5). Throws StoreError `occupied`, `owned` or
 * `failed`.
 */
export async function createAcceptorStore(
  directory: string,
  { id, codec, trim }: NewAcceptorStore,
): Promise<{ readonly store: string }> {
  await refuseOccupied(directory);
  await makeDirectory(directory);
  const ownership = await ownDirectory(directory);
  try {
    await refuseOccupied(directory); // somebody may have made one since
    const environment = await Environment.open({ directory, kind: "acceptor" }, pageBytes);
    try {
      const meta = environment.database(metaName, true) as ByteDatabase;
      environment.database(acceptedName, true);
      const identity = { id, store: drawStoreId(), startCount: 0, clusterId: undefined };
      // Last of all: a store without an identity is one whose making was interrupted.
      await environment.write(() => {
        if (trim) put(meta, new AcceptorRecords(environment.place, codec).sealTrim(trim));
        meta.put(identityKey, encodeIdentity("acceptor", identity));
      });
      await syncDirectory(directory).catch((error: unknown) => {
        throw storeFailure(directory, "syncing the data directory", error);
      });
      return { store: identity.store };
    } finally {
      await environment.close();
    }
  } finally {
    await ownership.release();
  }
}

export interface ExpectedAcceptor {
  readonly id: string;
  readonly codec: RecordCodec;
  readonly clusterId?: string | undefined;
  /** Called once when the disk is found damaged; the process must end, since it may have forgotten a vote (rule 5). */
  readonly onDamage?: ((error: StoreError) => void) | undefined;
  /** From one pass over all of the file to the next, at least. Default 10 s. */
  readonly scrubEveryMs?: number | undefined;
}

/**
 * Opens an acceptor's store for this process alone and counts the start. The first `clusterId` given is kept and
 * compared ever after. Throws StoreError `missing`, `foreign`, `format`, `damaged`, `owned` or `failed`.
 */
export async function openAcceptorStore(
  directory: string,
  expected: ExpectedAcceptor,
): Promise<AcceptorStore> {
  const found = await lookInto(directory);
  if (found === "other") throw foreignFiles(directory);
  if (found !== "store") {
    throw new StoreError(
      "missing",
      directory,
      `expected the store of acceptor ${expected.id}, found ${found === "empty" ? "an empty directory" : "no directory"}. ` +
        "If this acceptor never ran, make its store with `synod-acceptor init`. If it did, its disk is lost: " +
        "replace the member. A store made anew under its old name has forgotten its votes and must never vote",
    );
  }
  const ownership = await ownDirectory(directory);
  try {
    const environment = await Environment.open({ directory, kind: "acceptor" }, pageBytes);
    try {
      const disk = await openDisk(environment, ownership, expected);
      return new AcceptorStore(disk, afterThisTurn);
    } catch (error) {
      await environment.close();
      throw error;
    }
  } catch (error) {
    await ownership.release();
    throw error;
  }
}

async function refuseOccupied(directory: string): Promise<void> {
  const found = await lookInto(directory);
  if (found === "absent" || found === "empty") return;
  throw new StoreError(
    "occupied",
    directory,
    `expected an empty directory, found ${found === "store" ? "a store" : "other files"}. ` +
      "Choose another directory; an acceptor whose store was removed must be replaced, not made again",
  );
}

async function openDisk(
  environment: Environment,
  ownership: Ownership,
  expected: ExpectedAcceptor,
): Promise<LmdbAcceptorDisk> {
  const { directory } = environment;
  const meta = environment.database(metaName, false);
  if (meta === undefined && !environment.isBlank) throw foreignFiles(directory);
  const record = meta?.get(identityKey);
  if (meta === undefined || record === undefined) {
    throw new StoreError(
      "damaged",
      directory,
      "expected a store with an identity, found none: its making was interrupted. " +
        "If this acceptor never ran, remove the directory and make the store again",
    );
  }
  const identity = startedIdentity(directory, decodeIdentity(directory, "acceptor", record), expected);
  const accepted = environment.database(acceptedName, false);
  if (accepted === undefined)
    throw damagedStore(environment.place, `expected a database ${acceptedName}, found none`);
  const disk = new LmdbAcceptorDisk(environment, ownership, identity, meta, accepted, expected);
  await environment.write(() => meta.put(identityKey, encodeIdentity("acceptor", identity)));
  return disk;
}

class LmdbAcceptorDisk implements AcceptorDisk {
  readonly identity: StoreIdentity;
  readonly state: AcceptorState;
  readonly #environment: Environment;
  readonly #ownership: Ownership;
  readonly #meta: ByteDatabase;
  readonly #accepted: ByteDatabase;
  readonly #records: AcceptorRecords;
  readonly #scrub: Scrub;
  #trimmedBelow: number;
  /** Below the trim mark there may be pvalues left. */
  untidy: boolean;

  constructor(
    environment: Environment,
    ownership: Ownership,
    identity: StoreIdentity,
    meta: ByteDatabase,
    accepted: ByteDatabase,
    { codec, onDamage = () => {}, scrubEveryMs }: ExpectedAcceptor,
  ) {
    this.#environment = environment;
    this.#ownership = ownership;
    this.#meta = meta;
    this.#accepted = accepted;
    this.identity = identity;
    const records = new AcceptorRecords(environment.place, codec);
    this.#records = records;
    this.state = {
      promised: records.readPromise(meta.get(promiseKey)),
      trim: records.readTrim(meta.get(trimKey)),
    };
    this.#trimmedBelow = this.state.trim.below;
    this.untidy = this.#leftBelow(this.#trimmedBelow, 1).length > 0;
    this.#scrub = new Scrub(environment, onDamage, scrubEveryMs);
  }

  highestSlot(): number {
    for (const key of this.#accepted.getKeys({ end: leastKey, reverse: true, limit: 1 })) return slotOf(key);
    return 0;
  }

  *accepted(from: number): Iterable<PValue> {
    for (const { key, value } of this.#accepted.getRange({ start: slotKey(from) }))
      yield this.#records.readPValue({ key, record: value });
  }

  commit(records: readonly AcceptorRecord[], done: CommitDone): void {
    const removed = this.#sweep(records);
    let promised: Ballot | undefined;
    let trim: TrimRecord | undefined;
    const pvalues = new Map<number, PValue>();
    for (const record of records) {
      if (record.kind === "trim") trim = record.trim;
      else promised = record.kind === "promise" ? record.ballot : record.pvalue.ballot;
      if (record.kind === "accept") pvalues.set(record.pvalue.slot, record.pvalue);
    }
    if (promised === undefined && trim === undefined && removed.length === 0) {
      done();
      return;
    }
    const puts = [...pvalues.values()]
      .filter((pvalue) => pvalue.slot >= this.#trimmedBelow)
      .map((pvalue) => this.#records.sealPValue(pvalue));
    this.#environment.transact(() => {
      if (trim) put(this.#meta, this.#records.sealTrim(trim));
      for (const key of removed) this.#accepted.remove(key);
      if (promised) put(this.#meta, this.#records.sealPromise(promised));
      for (const accepted of puts) put(this.#accepted, accepted);
    }, done);
  }

  async close(): Promise<void> {
    this.#scrub.stop();
    try {
      await this.#environment.close();
    } finally {
      await this.#ownership.release();
    }
  }

  /** Keys to remove in this transaction; what is left goes with the next ones. */
  #sweep(records: readonly AcceptorRecord[]): Uint8Array[] {
    for (const record of records) {
      if (record.kind !== "trim") continue;
      this.#trimmedBelow = record.trim.below;
      this.untidy = true;
    }
    if (!this.untidy) return [];
    const keys = this.#leftBelow(this.#trimmedBelow, slotsPerSweep);
    this.untidy = keys.length === slotsPerSweep;
    return keys;
  }

  #leftBelow(slot: number, limit: number): Uint8Array[] {
    return [...this.#accepted.getKeys({ start: slotKey(0), end: slotKey(slot), limit })];
  }
}

function put(database: ByteDatabase, { key, record }: KeyedRecord): void {
  database.put(key, record);
}
