import { crc32 } from "node:zlib";
import { ByteReader, type ByteWriter } from "./bytes.js";
import { reasonOf, StoreError } from "./error.js";

/*
 * A record on disk: format (1 byte), checksum (4 bytes, CRC-32, least significant first), contents. The checksum
 * covers the key too, so a record found under another's key does not pass. lmdb itself has no checksums.
 */

/** The format of every record but a store's identity, which has that of the store. */
const recordFormat = 1;
const headerBytes = 5;

/** Leaves room for the header in a fresh writer. */
export function startRecord(writer: ByteWriter): ByteWriter {
  for (let count = 0; count < headerBytes; count++) writer.byte(0);
  return writer;
}

/** The finished record. */
export function sealRecord(key: Uint8Array, writer: ByteWriter, format = recordFormat): Uint8Array {
  const record = writer.finish();
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
  directory: string,
  what: string,
  key: Uint8Array,
  record: Uint8Array,
  read: (reader: ByteReader) => T,
  format = recordFormat,
): T {
  const fail = (found: string, cause?: unknown): never => {
    throw new StoreError(
      "damaged",
      directory,
      `the record of ${what} is damaged (${found}). Do not repair it by hand: replace this member, with a new store`,
      cause,
    );
  };
  if (record.length < headerBytes) fail(`expected at least ${headerBytes} bytes, found ${record.length}`);
  if (record[0] !== format) fail(`expected format ${format}, found ${record[0]}`);
  const expected = viewOf(record).getUint32(1, true);
  const found = checksum(key, record);
  if (expected !== found) fail(`expected checksum ${expected.toString(16)}, found ${found.toString(16)}`);
  try {
    const reader = new ByteReader(record, headerBytes);
    const value = read(reader);
    reader.end();
    return value;
  } catch (error) {
    return fail(reasonOf(error), error);
  }
}

function checksum(key: Uint8Array, record: Uint8Array): number {
  return crc32(record.subarray(headerBytes), crc32(key));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
