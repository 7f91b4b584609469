import { invariant } from "@synod/core";
import type { LogEntry, LogRecord } from "./layer.js";
import type { LayeredMap } from "./layered-map.js";
import { storedBytes } from "./replica-record.js";

/** The durable log beneath the layers. */
export interface LogDisk {
  /** The log was trimmed below this slot: what is left below it is not to be read. */
  readonly trimmedBelow: number;
  /** The last durable slot, trimmed or not; 0 when there never was one. */
  readonly lastSlot: number;
  /** Durable slots from `from` through `through`, in order. */
  log(from: number, through: number): Iterable<LogRecord>;
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
  /** The last slot appended, or that of an installed snapshot; known even when it was trimmed. 0 before the first. */
  readonly last: number;
  /** Bytes that the slots kept take on the disk, roughly. */
  readonly bytes: number;
  /** Slots come in ascending order. Throws InvariantViolation otherwise. */
  append(slot: number, value: Uint8Array): void;
  /** Slots at or above `from`: at most `limit`, and no more after `maxBytes` are reached (at least one). */
  page(from: number, limit: number, maxBytes: number): LogPage;
  /**
   * Lets go of the slots below `below`, at most of all that there are. They are gone at once for whoever reads, for
   * good with the next flush, and from the disk little by little.
   */
  trim(below: number): void;
}

/** The decided log over the layers of the state, with which it is flushed. */
export class LayeredLog implements DecidedLog {
  readonly #disk: LogDisk;
  readonly #map: LayeredMap;
  #first = 0;
  #last: number;
  /** Bytes of all slots before the first slot kept, and of all up to the last, counted from anywhere. */
  #bytesBefore = 0;
  #bytesThrough = 0;

  constructor(disk: LogDisk, map: LayeredMap) {
    this.#disk = disk;
    this.#map = map;
    this.#last = disk.lastSlot;
    this.#startAt(disk.trimmedBelow);
    for (const { before, value } of disk.log(Math.max(disk.trimmedBelow, disk.lastSlot), disk.lastSlot))
      this.#bytesThrough = before + storedBytes(value);
  }

  get first(): number {
    return this.#first;
  }

  get last(): number {
    return this.#last;
  }

  get bytes(): number {
    return this.#first === 0 ? 0 : this.#bytesThrough - this.#bytesBefore;
  }

  append(slot: number, value: Uint8Array): void {
    invariant(slot > this.#last, () => `expected a slot above ${this.#last}, the log's last, found ${slot}`);
    if (this.#first === 0) {
      this.#first = slot;
      this.#bytesBefore = this.#bytesThrough;
    }
    this.#map.writable().append({ slot, value, before: this.#bytesThrough });
    this.#bytesThrough += storedBytes(value);
    this.#last = slot;
  }

  page(from: number, limit: number, maxBytes: number): LogPage {
    const entries: LogEntry[] = [];
    let bytes = 0;
    if (this.#first === 0) return { entries, next: 0 };
    for (const { slot, value } of this.#records(Math.max(from, this.#first))) {
      if (entries.length > 0 && (entries.length >= limit || bytes >= maxBytes))
        return { entries, next: slot };
      entries.push({ slot, value });
      bytes += value.length;
    }
    return { entries, next: 0 };
  }

  trim(below: number): void {
    const kept = Math.min(below, this.#last + 1);
    if (this.#first === 0 || kept <= this.#first) return;
    this.#map.writable().trimmedBelow = kept;
    this.#startAt(kept);
  }

  /** A snapshot took the place of everything up to `slot`. */
  restart(slot: number): void {
    this.#first = 0;
    this.#last = slot;
  }

  /** The first slot kept is the first at or above `from`. */
  #startAt(from: number): void {
    this.#first = 0;
    for (const { slot, before } of this.#records(from)) {
      this.#first = slot;
      this.#bytesBefore = before;
      return;
    }
  }

  *#records(from: number): Iterable<LogRecord> {
    const { newest, flushing } = this.#map;
    const recent = [...(flushing?.log ?? []), ...newest.log];
    // A flush under way may already show on disk.
    const through = (recent[0]?.slot ?? this.#last + 1) - 1;
    yield* this.#disk.log(from, through);
    for (const record of recent) if (record.slot >= from) yield record;
  }
}
