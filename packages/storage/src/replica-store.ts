import { invariant, type OrderedMap } from "@synod/core";
import { type CommitDone, CommitQueue } from "./commit-queue.js";
import type { StoreError } from "./error.js";
import type { StoreIdentity } from "./identity.js";
import type { Layer, LogEntry } from "./layer.js";
import { LayeredMap, type StateDisk } from "./layered-map.js";

/** What a replica's state and log rest on: lmdb, or memory. */
export interface ReplicaDisk extends StateDisk {
  readonly identity: StoreIdentity;
  /** First and last durable slot of the log; 0 when there is none. */
  readonly firstSlot: number;
  readonly lastSlot: number;
  /** Durable slots from `from` through `through`, in order. */
  log(from: number, through: number): Iterable<LogEntry>;
  /** Makes all of a layer durable, or nothing of it. */
  commit(layer: Layer, done: CommitDone): void;
  close(): Promise<void>;
}

export interface ReplicaStoreOptions {
  readonly id: string;
  readonly clusterId: string;
  /** From a first write to the flush that takes it to disk. 0: only `flush` does. Default 50. */
  readonly flushEveryMs?: number | undefined;
  /** A flush is on disk: everything executed up to this slot (0: none yet) survives a crash. */
  readonly onFlushed?: ((durableSlot: number) => void) | undefined;
  /** A flush failed; the process must end (rule 4). Called once. */
  readonly onFailure?: ((error: StoreError) => void) | undefined;
}

/** A part of the decided log; `next` is the first slot after it, 0 when there is none. */
export interface LogPage {
  readonly entries: readonly LogEntry[];
  readonly next: number;
}

/** The decided log: for each executed slot its value, encoded. */
export interface DecidedLog {
  /** The first slot kept; 0 when the log is empty. */
  readonly first: number;
  /** The last slot appended; 0 when the log is empty. */
  readonly last: number;
  /** Slots come in ascending order. Throws InvariantViolation otherwise. */
  append(slot: number, value: Uint8Array): void;
  /** Slots at or above `from`: at most `limit`, and no more after `maxBytes` are reached (at least one). */
  page(from: number, limit: number, maxBytes: number): LogPage;
}

/**
 * A replica's state and log. Reads see every write at once; a flush takes everything written so far to disk in one
 * transaction. Flushes start between turns of the event loop only, so whatever one turn writes (a slot's log entry
 * and all its effects) is on disk whole or not at all (rule 17).
 */
export class ReplicaStore {
  readonly identity: StoreIdentity;
  readonly state: OrderedMap;
  readonly log: DecidedLog;
  readonly #disk: ReplicaDisk;
  readonly #map: LayeredMap;
  readonly #flushes: CommitQueue;
  readonly #options: ReplicaStoreOptions;
  #timer: NodeJS.Timeout | undefined;
  #durableSlot: number;
  #closing: Promise<void> | undefined;

  constructor(disk: ReplicaDisk, options: ReplicaStoreOptions, schedule: (start: () => void) => void) {
    this.identity = disk.identity;
    this.#disk = disk;
    this.#options = options;
    this.#durableSlot = disk.lastSlot;
    this.#map = new LayeredMap(disk, () => this.#arm());
    this.#flushes = new CommitQueue((done) => this.#save(done), schedule);
    this.state = this.#map;
    this.log = new LayeredLog(disk, this.#map, () => this.#arm());
  }

  /** Resolves when everything written so far is on disk. Rejects with StoreError `failed`, and then always. */
  flush(): Promise<void> {
    return this.#flushes.commit();
  }

  /** Memory held by writes that are not on disk yet, roughly. Whoever writes faster than the disk must wait. */
  get pendingBytes(): number {
    return this.#map.pendingBytes;
  }

  /** The last slot of the log that is on disk, with all its effects; 0 when there is none. */
  get durableSlot(): number {
    return this.#durableSlot;
  }

  /** Flushes, then lets go of the store. Rejects as `flush` does, but lets go all the same. */
  close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#closing ??= this.flush().finally(() => this.#disk.close());
    return this.#closing;
  }

  #arm(): void {
    const { flushEveryMs = 50 } = this.#options;
    if (this.#timer !== undefined || flushEveryMs === 0 || this.#flushes.failure || this.#closing) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.flush().catch(() => {}); // `onFailure` has told
    }, flushEveryMs);
    this.#timer.unref();
  }

  #save(done: CommitDone): void {
    if (this.#map.newest.empty) {
      done();
      return;
    }
    const layer = this.#map.startFlush();
    this.#disk.commit(layer, (error) => {
      if (error === undefined) {
        this.#map.endFlush();
        this.#durableSlot = layer.log.at(-1)?.slot ?? this.#durableSlot;
      }
      done(error);
      if (error === undefined) this.#options.onFlushed?.(this.#durableSlot);
      else this.#options.onFailure?.(error);
    });
  }
}

class LayeredLog implements DecidedLog {
  readonly #disk: ReplicaDisk;
  readonly #map: LayeredMap;
  readonly #onFirstWrite: () => void;
  #first: number;
  #last: number;

  constructor(disk: ReplicaDisk, map: LayeredMap, onFirstWrite: () => void) {
    this.#disk = disk;
    this.#map = map;
    this.#onFirstWrite = onFirstWrite;
    this.#first = disk.firstSlot;
    this.#last = disk.lastSlot;
  }

  get first(): number {
    return this.#first;
  }

  get last(): number {
    return this.#last;
  }

  append(slot: number, value: Uint8Array): void {
    invariant(slot > this.#last, () => `expected a slot above ${this.#last}, the log's last, found ${slot}`);
    if (this.#map.newest.empty) this.#onFirstWrite();
    this.#map.newest.append({ slot, value });
    if (this.#first === 0) this.#first = slot;
    this.#last = slot;
  }

  page(from: number, limit: number, maxBytes: number): LogPage {
    const entries: LogEntry[] = [];
    let bytes = 0;
    for (const entry of this.#entries(from)) {
      if (entries.length > 0 && (entries.length >= limit || bytes >= maxBytes))
        return { entries, next: entry.slot };
      entries.push(entry);
      bytes += entry.value.length;
    }
    return { entries, next: 0 };
  }

  *#entries(from: number): Iterable<LogEntry> {
    const { newest, flushing } = this.#map;
    const recent = [...(flushing?.log ?? []), ...newest.log];
    // A flush under way may already show on disk.
    const through = (recent[0]?.slot ?? this.#last + 1) - 1;
    yield* this.#disk.log(from, through);
    for (const entry of recent) if (entry.slot >= from) yield entry;
  }
}
