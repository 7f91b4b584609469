import { slotKey, slotOf } from "./bytes.js";
import type { CommitDone } from "./commit-queue.js";
import { Damage } from "./damage.js";
import { type ByteDatabase, type Environment, leastKey } from "./environment.js";
import { type StoreError, storeFailure } from "./error.js";
import type { StoreIdentity } from "./identity.js";
import type { IncomingDisk } from "./install.js";
import type { Layer, LogRecord } from "./layer.js";
import type { DiskRange } from "./layered-map.js";
import { LmdbStates } from "./lmdb-states.js";
import type { Ownership } from "./ownership.js";
import type { ReplicaDisk } from "./replica-disk.js";
import {
  decodeLogRecord,
  decodeTrimMark,
  encodeLogRecord,
  encodeTrimMark,
  trimMarkKey,
} from "./replica-record.js";
import { Scrub } from "./scrub.js";
import { sealRow } from "./seal.js";
import { SealedRows } from "./sealed-rows.js";
import type { PinnedState } from "./snapshot.js";

/** Slots removed in one transaction after a trim, so that a long trim holds up neither event loop nor disk. */
const slotsPerSweep = 1000;

export interface ReplicaDatabases {
  readonly meta: ByteDatabase;
  /** The state, and another for a snapshot that comes in; which is which stands in `meta`. */
  readonly states: readonly [ByteDatabase, ByteDatabase];
  readonly log: ByteDatabase;
}

export class LmdbReplicaDisk implements ReplicaDisk {
  readonly identity: StoreIdentity;
  readonly #environment: Environment;
  readonly #ownership: Ownership;
  readonly #meta: ByteDatabase;
  readonly #states: LmdbStates;
  readonly #log: ByteDatabase;
  readonly #damage: Damage;
  readonly #rows: SealedRows;
  readonly #scrub: Scrub;
  #trimmedBelow: number;
  #lastSlot: number;
  #untidy: boolean;

  /** Throws StoreError `damaged`. */
  constructor(
    environment: Environment,
    ownership: Ownership,
    identity: StoreIdentity,
    { meta, states, log }: ReplicaDatabases,
    scrubEveryMs?: number,
  ) {
    this.#environment = environment;
    this.#ownership = ownership;
    this.identity = identity;
    this.#meta = meta;
    this.#states = new LmdbStates(environment, meta, states, (slot) => this.#restart(slot));
    this.#log = log;
    this.#damage = new Damage(environment.place);
    this.#rows = new SealedRows(this.#damage);
    this.#scrub = new Scrub(environment, (error) => this.#damage.noted(error), scrubEveryMs);
    const mark = decodeTrimMark(environment.place, meta.get(trimMarkKey));
    this.#trimmedBelow = mark.below;
    this.#lastSlot = Math.max(mark.last, this.#lastKept());
    this.#untidy = this.#leftBelow(mark.below, 1).length > 0;
  }

  get trimmedBelow(): number {
    return this.#trimmedBelow;
  }

  get lastSlot(): number {
    return this.#lastSlot;
  }

  get untidy(): boolean {
    return this.#untidy;
  }

  get incoming(): IncomingDisk {
    return this.#states;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#rows.get(this.#states.current, key);
  }

  get usedBytes(): number {
    return this.#environment.usedBytes;
  }

  get damage(): StoreError | undefined {
    return this.#damage.found;
  }

  tellOfDamage(tell: (error: StoreError) => void): void {
    this.#damage.tellOf(tell);
  }

  entries(range: DiskRange): (readonly [Uint8Array, Uint8Array])[] {
    return this.#rows.entries(this.#states.current, range);
  }

  *log(from: number, through: number): Iterable<LogRecord> {
    if (through < from) return;
    const { place } = this.#damage;
    try {
      for (const { key, value } of this.#log.getRange({ start: slotKey(from), end: slotKey(through + 1) }))
        yield decodeLogRecord(place, key, value);
    } catch (error) {
      throw this.#damage.noted(error);
    }
  }

  commit(layer: Layer, done: CommitDone): void {
    this.#lastSlot = layer.log.at(-1)?.slot ?? this.#lastSlot;
    const trims = layer.trimmedBelow > this.#trimmedBelow;
    if (trims) {
      this.#trimmedBelow = layer.trimmedBelow;
      this.#untidy = true;
    }
    let removed: Uint8Array[];
    try {
      removed = this.#sweep();
    } catch (error) {
      done(storeFailure(this.#environment.directory, "reading the log", error));
      return;
    }
    // A slot that came and was trimmed between two flushes never reaches the disk.
    const slots = layer.log.filter(({ slot }) => slot >= this.#trimmedBelow).map(encodeLogRecord);
    if (layer.empty && removed.length === 0) {
      done();
      return;
    }
    const state = this.#states.current;
    this.#environment.transact(() => {
      for (const { key, value } of layer.entries.values()) {
        if (value === undefined) state.remove(key);
        else state.put(key, sealRow(key, value));
      }
      for (const key of removed) this.#log.remove(key);
      for (const { key, record } of slots) this.#log.put(key, record);
      if (trims)
        this.#meta.put(trimMarkKey, encodeTrimMark({ below: this.#trimmedBelow, last: this.#lastSlot }));
    }, done);
  }

  pin(): PinnedState {
    const rows = this.#states.current;
    const transaction = this.#environment.pin();
    return {
      rows: this.#states.rows,
      entries: (after) => this.#rows.after(rows, after, transaction),
      release: () => transaction.done(),
    };
  }

  async close(): Promise<void> {
    this.#scrub.stop();
    try {
      await this.#environment.close();
    } finally {
      await this.#ownership.release();
    }
  }

  /** With a snapshot of `slot` the log is as if everything up to there had been trimmed. */
  #restart(slot: number) {
    const mark = { below: slot + 1, last: slot };
    return {
      write: () => void this.#meta.put(trimMarkKey, encodeTrimMark(mark)),
      done: () => {
        this.#trimmedBelow = mark.below;
        this.#lastSlot = slot;
        this.#untidy = true;
      },
    };
  }

  /** Keys to remove in this transaction; what is left goes with the next ones. */
  #sweep(): Uint8Array[] {
    if (!this.#untidy) return [];
    const keys = this.#leftBelow(this.#trimmedBelow, slotsPerSweep);
    this.#untidy = keys.length === slotsPerSweep;
    return keys;
  }

  #leftBelow(slot: number, limit: number): Uint8Array[] {
    return [...this.#log.getKeys({ start: slotKey(0), end: slotKey(slot), limit })];
  }

  #lastKept(): number {
    for (const key of this.#log.getKeys({ end: leastKey, reverse: true, limit: 1 })) return slotOf(key);
    return 0;
  }
}
