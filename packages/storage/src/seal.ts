import { crc32 } from "node:zlib";
import { ByteReader, type ByteWriter } from "./bytes.js";
import { damagedStore, reasonOf, type StorePlace } from "./error.js";

/*
 * A record on disk: format (1 byte), checksum (4 bytes, CRC-32, least significant first), contents. The checksum
 * covers the key too, so a record found under another's key does not pass. lmdb itself has no checksums.
 */

/** The format of every record but a store's identity, which has that of the store. */
const recordFormat = 1;
export const headerBytes = 5;

/** Leaves room for the header in a fresh writer. */
export function startRecord(writer: ByteWriter): ByteWriter {
  for (let count = 0; count < headerBytes; count++) writer.byte(0);
  return writer;
}

/** The finished record. */
export function sealRecord(key: Uint8Array, writer: ByteWriter, format = recordFormat): Uint8Array {
  return seal(key, writer.finish(), format);
}

/** Seals in place: fills the header of a record whose contents stand behind it. */
export function seal(key: Uint8Array, record: Uint8Array, format = recordFormat): Uint8Array {
  record[0] = format;
  viewOf(record).setUint32(1, checksum(key, record), true);
  return record;
}

/** The format a record was written in; undefined when there is none. */
export function formatOf(record: Uint8Array): number | undefined {
  return record[0];
}

/**
 * Checks a record and decodes it whole. Throws StoreError `damaged`, naming `what` it was.
 */
export function readRecord<T>(
  place: StorePlace,
  what: string,
  key: Uint8Array,
  record: Uint8Array,
  read: (reader: ByteReader) => T,
  format = recordFormat,
): T {
  const readAll = (contents: Uint8Array) => {
    const reader = new ByteReader(contents);
    const value = read(reader);
    reader.end();
    return value;
  };
  return readContents(place, what, key, record, readAll, format);
}

/** As `readRecord`, for contents that are decoded in another way. */
export function readContents<T>(
  place: StorePlace,
  what: string,
  key: Uint8Array,
  record: Uint8Array,
  decode: (contents: Uint8Array) => T,
  format = recordFormat,
): T {
  const fail = (found: string, cause?: unknown): never => {
    throw damagedStore(place, `the record of ${what} is damaged (${found})`, cause);
  };
  const wrong = flawIn(key, record, format);
  if (wrong !== undefined) fail(wrong);
  try {
    return decode(record.subarray(headerBytes));
  } catch (error) {
    return fail(reasonOf(error), error);
  }
}

/** A row of a replica's state as it goes to disk. */
export function sealRow(key: Uint8Array, value: Uint8Array): Uint8Array {
  const record = Buffer.allocUnsafe(headerBytes + value.length);
  record.set(value, headerBytes);
  return seal(key, record);
}

/** The value of a row as it came from disk: a view. Throws StoreError `damaged`, naming the key. */
export function unsealRow(place: StorePlace, key: Uint8Array, record: Uint8Array): Uint8Array {
  const flaw = flawIn(key, record, recordFormat);
  if (flaw !== undefined)
    throw damagedStore(place, `the row of key ${keyText(key)} of the state is damaged (${flaw})`);
  return record.subarray(headerBytes);
}

/** The beginning of a key, readable where it is text. */
export function keyText(key: Uint8Array): string {
  return JSON.stringify(Buffer.from(key.subarray(0, 64)).toString("latin1"));
}

/** The fault of a sealed record; undefined when it is sound. */
export function flawIn(key: Uint8Array, record: Uint8Array, format = record[0]): string | undefined {
  if (record.length < headerBytes) return `expected at least ${headerBytes} bytes, found ${record.length}`;
  if (record[0] !== format) return `expected format ${format}, found ${record[0]}`;
  const expected = sealOf(record);
  const found = checksum(key, record);
  return expected === found
    ? undefined
    : `expected checksum ${expected.toString(16)}, found ${found.toString(16)}`;
}

/** The checksum that a record says it has. */
export function sealOf(record: Uint8Array): number {
  const [, a = 0, b = 0, c = 0, d = 0] = record;
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
}

function checksum(key: Uint8Array, record: Uint8Array): number {
  return crc32(record.subarray(headerBytes), crc32(key));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
