import { ByteWriter, slotKey, slotOf } from "./bytes.js";
import type { LogRecord } from "./layer.js";
import { readRecord, sealRecord, startRecord } from "./seal.js";

/** What a trim leaves behind. */
export interface TrimMark {
  /** Nothing below this slot is part of the log. */
  readonly below: number;
  /** The last slot when the log was trimmed: it is known even when nothing of the log is left. */
  readonly last: number;
}

export const trimMarkKey: Uint8Array = Buffer.from("log", "latin1");

export function encodeLogRecord({ slot, value, before }: LogRecord): { key: Uint8Array; record: Uint8Array } {
  const key = slotKey(slot);
  const writer = startRecord(new ByteWriter(value.length + 24));
  writer.bytes(value);
  writer.integer(before);
  return { key, record: sealRecord(key, writer) };
}

export function decodeLogRecord(directory: string, key: Uint8Array, record: Uint8Array): LogRecord {
  const slot = slotOf(key);
  return readRecord(directory, `slot ${slot} of the log`, key, record, (reader) => ({
    slot,
    value: reader.bytes(),
    before: reader.atEnd ? 0 : reader.integer(), // Synod once wrote no sum
  }));
}

export function encodeTrimMark({ below, last }: TrimMark): Uint8Array {
  const writer = startRecord(new ByteWriter());
  writer.integer(below);
  writer.integer(last);
  return sealRecord(trimMarkKey, writer);
}

export function decodeTrimMark(directory: string, record: Uint8Array | undefined): TrimMark {
  if (record === undefined) return { below: 0, last: 0 };
  return readRecord(directory, "the log's trim mark", trimMarkKey, record, (reader) => ({
    below: reader.integer(),
    last: reader.integer(),
  }));
}
