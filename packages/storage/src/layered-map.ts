import type { KeyRange, OrderedMap } from "@synod/core";
import type { StoreError } from "./error.js";
import { Layer, type LayerEntry, nameOf } from "./layer.js";

/** Longest key of a replica's state, in bytes. A key has at least one. */
export const maxKeyBytes = 4000;

/** A part of the durable state, in byte order or its reverse. */
export interface DiskRange {
  readonly from: Uint8Array;
  readonly until: Uint8Array | undefined;
  readonly reverse: boolean;
  readonly limit: number;
  /** No more is read once this is reached; one row is always read. */
  readonly maxBytes: number;
}

/** The durable state beneath the layers. */
export interface StateDisk {
  /** The damage that a read once found. */
  readonly damage: StoreError | undefined;
  get(key: Uint8Array): Uint8Array | undefined;
  entries(range: DiskRange): readonly (readonly [key: Uint8Array, value: Uint8Array])[];
}

const firstChunk = 16;
const largestChunk = 256;
const largestChunkBytes = 1 << 20;

/**
 * A replica's state as commands see it: the writes since the last flush, over those that a flush is taking to disk,
 * over the disk. A range is live: it sees writes made ahead of it, and flushes that end meanwhile do not disturb it.
 */
export class LayeredMap implements OrderedMap {
  readonly #disk: StateDisk;
  readonly #onFirstWrite: () => void;
  #newest = new Layer();
  #flushing: Layer | undefined;
  /** Grows when the disk changes beneath what ranges have read ahead. */
  #generation = 0;

  /** Grows when everything was replaced: no range goes on beyond that. */
  #epoch = 0;

  /** `onFirstWrite` is told when there is something to flush, once per layer. */
  constructor(disk: StateDisk, onFirstWrite: () => void) {
    this.#disk = disk;
    this.#onFirstWrite = onFirstWrite;
  }

  get newest(): Layer {
    return this.#newest;
  }

  get flushing(): Layer | undefined {
    return this.#flushing;
  }

  get pendingBytes(): number {
    return this.#newest.bytes + (this.#flushing?.bytes ?? 0);
  }

  /** The newest layer, about to be written to. Throws StoreError `damaged` when anything read before was: a slot that rests on it must not end well. */
  writable(): Layer {
    if (this.#disk.damage !== undefined) throw this.#disk.damage;
    if (this.#newest.empty) this.#onFirstWrite();
    return this.#newest;
  }

  /** Puts a new layer over the newest, which may go to disk now. */
  startFlush(): Layer {
    this.#flushing = this.#newest;
    this.#newest = new Layer();
    return this.#flushing;
  }

  /** Drops the flushed layer, which is on disk by now: reads of the disk see it there. */
  endFlush(): void {
    this.#flushing = undefined;
    this.#generation++;
  }

  /** The disk has another state now; what was written over the old one is forgotten. Only between flushes. */
  replace(): void {
    this.#newest = new Layer();
    this.#flushing = undefined;
    this.#generation++;
    this.#epoch++;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const name = nameOf(key);
    const entry = this.#newest.entries.get(name) ?? this.#flushing?.entries.get(name);
    if (entry) return entry.value;
    return validLength(key.length) ? this.#disk.get(key) : undefined;
  }

  /** Throws RangeError for a key that is empty or longer than `maxKeyBytes`. */
  put(key: Uint8Array, value: Uint8Array): void {
    if (!validLength(key.length))
      throw new RangeError(`expected a key of 1 to ${maxKeyBytes} bytes, found ${key.length}`);
    this.writable().set(nameOf(key), key, value);
  }

  delete(key: Uint8Array): void {
    const name = nameOf(key);
    const beneath = this.#flushing?.entries.get(name);
    const exists = beneath
      ? beneath.value !== undefined
      : validLength(key.length) && this.#disk.get(key) !== undefined;
    // Only what is beneath has to be deleted there: a key that came and went in one layer never reaches the disk.
    if (!exists) {
      this.#newest.forget(name);
      return;
    }
    this.writable().set(name, key, undefined);
  }

  *range({ from, until, limit, reverse = false }: KeyRange): Generator<readonly [Uint8Array, Uint8Array]> {
    const first = nameOf(from);
    const end = until && nameOf(until);
    const inRange = (entry: LayerEntry | undefined) =>
      entry && (reverse ? entry.name >= first : end === undefined || entry.name < end) ? entry : undefined;
    const disk = new DiskCursor(this.#disk, {
      from,
      until,
      reverse,
      limit: limit ?? largestChunk,
      maxBytes: largestChunkBytes,
    });
    const epoch = this.#epoch;
    let at: string | undefined;
    for (let left = limit ?? Number.POSITIVE_INFINITY; left > 0; ) {
      if (epoch !== this.#epoch)
        throw new Error(
          "expected the state to stay while a range of it is read, found it replaced by a snapshot. Read it again",
        );
      const candidates = [this.#newest, this.#flushing].map((layer) => {
        if (reverse) return inRange(layer?.before(at ?? end));
        return inRange(at === undefined ? layer?.after(first, true) : layer?.after(at, false));
      });
      candidates.push(disk.peek(this.#generation, at));
      // The next key of all; under equal keys the newest layer speaks.
      let next: LayerEntry | undefined;
      for (const candidate of candidates) {
        if (candidate && (!next || (reverse ? candidate.name > next.name : candidate.name < next.name)))
          next = candidate;
      }
      if (!next) return;
      at = next.name;
      if (next.value === undefined) continue;
      left--;
      yield [next.key, next.value];
    }
  }
}

/** Reads a range of the disk a chunk at a time. */
class DiskCursor {
  readonly #disk: StateDisk;
  readonly #range: DiskRange;
  #chunk: LayerEntry[] = [];
  #size: number;
  #last = false;
  #index = 0;
  #generation = -1;

  constructor(disk: StateDisk, range: DiskRange) {
    this.#disk = disk;
    this.#range = range;
    this.#size = Math.max(1, Math.min(firstChunk, range.limit));
  }

  /** The first entry beyond `at`, as the disk is now; without `at` the first of the range. */
  peek(generation: number, at: string | undefined): LayerEntry | undefined {
    if (generation !== this.#generation) {
      this.#generation = generation;
      this.#read(at);
    }
    while (at !== undefined && this.#index < this.#chunk.length && !this.#beyond(at)) this.#index++;
    if (this.#index === this.#chunk.length && !this.#last) this.#read(at);
    return this.#chunk[this.#index];
  }

  #beyond(at: string): boolean {
    const { name } = this.#chunk[this.#index] as LayerEntry;
    return this.#range.reverse ? name < at : name > at;
  }

  #read(at: string | undefined): void {
    const { from, until, reverse, maxBytes } = this.#range;
    const beyond = at === undefined ? undefined : Buffer.from(reverse ? at : `${at}\0`, "latin1");
    const entries = this.#disk.entries({
      from: reverse ? from : (beyond ?? from),
      until: reverse ? (beyond ?? until) : until,
      reverse,
      limit: this.#size,
      maxBytes,
    });
    this.#chunk = entries.map(([key, value]) => ({ name: nameOf(key), key, value }));
    this.#index = 0;
    this.#last = entries.length < this.#size && bytesOf(entries) < maxBytes;
    this.#size = Math.min(this.#size * 2, largestChunk);
  }
}

function bytesOf(entries: ReturnType<StateDisk["entries"]>): number {
  return entries.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
}

function validLength(keyBytes: number): boolean {
  return keyBytes > 0 && keyBytes <= maxKeyBytes;
}
