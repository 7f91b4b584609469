import { ByteWriter, slotKey, slotOf } from "./bytes.js";
import type { StorePlace } from "./error.js";
import type { InstallRecord } from "./install.js";
import type { LogRecord } from "./layer.js";
import { readRecord, sealRecord, startRecord } from "./seal.js";

/** Of a replica's store. With lmdb's usual 4 KiB a key could have 1,978 bytes only. */
export const pageBytes = 8192;
/** Key, checksum, version and lengths of a slot's record, and lmdb's header of a page or an entry. */
const recordBytes = 64;

/**
 * The room of a slot on the disk, roughly: lmdb gives a record of more than half a page pages of its own, so that what a
 * log of large slots takes is more than the bytes of its values, by up to a page each.
 */
export function storedBytes(value: Uint8Array): number {
  const bytes = value.length + recordBytes;
  return bytes > pageBytes / 2 ? Math.ceil(bytes / pageBytes) * pageBytes : bytes;
}

/** The record that a trim leaves behind. */
export interface TrimMark {
  /** Nothing below this slot is part of the log. */
  readonly below: number;
  /** The last slot when the log was trimmed: it is known even when nothing of the log is left. */
  readonly last: number;
}

/** The index of the replica's state, of the two that a store has room for. */
export type StateIndex = 0 | 1;

export const currentKey: Uint8Array = Buffer.from("state", "latin1");
export const installKey: Uint8Array = Buffer.from("install", "latin1");
export const trimMarkKey: Uint8Array = Buffer.from("log", "latin1");

export function encodeLogRecord({ slot, value, before }: LogRecord): { key: Uint8Array; record: Uint8Array } {
  const key = slotKey(slot);
  const writer = startRecord(new ByteWriter(value.length + 24));
  writer.bytes(value);
  writer.integer(before);
  return { key, record: sealRecord(key, writer) };
}

export function decodeLogRecord(place: StorePlace, key: Uint8Array, record: Uint8Array): LogRecord {
  const slot = slotOf(key);
  return readRecord(place, `slot ${slot} of the log`, key, record, (reader) => ({
    slot,
    value: reader.bytes(),
    before: reader.integer(),
  }));
}

export function encodeTrimMark({ below, last }: TrimMark): Uint8Array {
  const writer = startRecord(new ByteWriter());
  writer.integer(below);
  writer.integer(last);
  return sealRecord(trimMarkKey, writer);
}

export function decodeTrimMark(place: StorePlace, record: Uint8Array | undefined): TrimMark {
  if (record === undefined) return { below: 0, last: 0 };
  return readRecord(place, "the log's trim mark", trimMarkKey, record, (reader) => ({
    below: reader.integer(),
    last: reader.integer(),
  }));
}

export function encodeCurrent(current: StateIndex): Uint8Array {
  const writer = startRecord(new ByteWriter());
  writer.integer(current);
  return sealRecord(currentKey, writer);
}

/** A store that never took a snapshot in has no such record. */
export function decodeCurrent(place: StorePlace, record: Uint8Array | undefined): StateIndex {
  if (record === undefined) return 0;
  return readRecord(place, "the current state", currentKey, record, (reader) => {
    const current = reader.integer();
    if (current !== 0 && current !== 1) throw new RangeError(`expected state 0 or 1, found ${current}`);
    return current;
  });
}

export function encodeInstall({ id, slot, after, progress }: InstallRecord): Uint8Array {
  const writer = startRecord(new ByteWriter());
  writer.text(id);
  writer.integer(slot);
  writer.bytes(after ?? new Uint8Array()); // no key is empty
  writer.bytes(progress);
  return sealRecord(installKey, writer);
}

export function decodeInstall(place: StorePlace, record: Uint8Array | undefined): InstallRecord | undefined {
  if (record === undefined) return undefined;
  return readRecord(place, "the snapshot coming in", installKey, record, (reader) => {
    const id = reader.text();
    const slot = reader.integer();
    const after = reader.bytes();
    return { id, slot, after: after.length > 0 ? after : undefined, progress: reader.bytes() };
  });
}
