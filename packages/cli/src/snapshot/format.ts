import { createHash } from "node:crypto";
import type { StateEntry } from "@synod/storage";

/*
 * A backup in a file. All numbers have the big end first.
 *
 *   magic     "synod snapshot", a line feed, and one byte: the format's version, 2
 *   frames    each a letter, the payload's length in 4 bytes, and the payload
 *     h       once, first: JSON in UTF-8, {"cluster","slot","confirmed","state","synod"}, and "stopped" where it is of a replica
 *             that had stopped: why
 *     p       a page of the state, in the order of its keys: for each entry the lengths of key and value, 4 bytes each, and
 *             their bytes; last 32 bytes: the digest that the replica sent with the page (SnapshotPage.digest), a chain
 *     t       once, last: the numbers of pages and entries and the bytes of keys and values, 8 bytes each; the digest of the
 *             last page; and SHA-256 over the file up to there, from its first byte
 *
 * The digests of the pages tell at once where a file is damaged. The last one covers every bit, lengths and header too.
 */
export const magic: Buffer = Buffer.from("synod snapshot\n", "latin1");
export const formatVersion = 2;
export const headBytes = magic.length + 1;
/** Bytes of a frame before its payload: its kind, and the length of the payload. */
export const frameHeadBytes = 5;
export const digestBytes = 32;

/** Longest payloads. A page of one entry can have a key of 4 KiB and a value of 4 MiB. */
export const longestPayload = { h: 4_096, p: 8 << 20, t: 3 * 8 + 2 * digestBytes } as const;
export type FrameKind = keyof typeof longestPayload;

/** The origin of a backup. */
export interface SnapshotHeader {
  /** Id of the cluster it was taken from. */
  readonly cluster: string;
  /** The slot after which the state was as it is here. */
  readonly slot: number;
  /** The highest slot at which a majority of the replicas had reported the hash that the giver has there; 0: none. */
  readonly confirmed: number;
  /** The reason why the replica that gave it had stopped; absent when it had not. */
  readonly stopped?: string | undefined;
  /** Format of the replicated state. */
  readonly state: number;
  /** Version of Synod that wrote it. */
  readonly synod: string;
}

export interface SnapshotTotals {
  readonly pages: number;
  readonly keys: number;
  /** Bytes of all keys and values. */
  readonly bytes: number;
}

export const nothing: SnapshotTotals = Object.freeze({ pages: 0, keys: 0, bytes: 0 });

export function withPage(
  { pages, keys, bytes }: SnapshotTotals,
  page: readonly StateEntry[],
): SnapshotTotals {
  const added = page.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  return { pages: pages + 1, keys: keys + page.length, bytes: bytes + added };
}

export function encodeHead(): Buffer {
  return Buffer.concat([magic, Buffer.from([formatVersion])]);
}

export function encodeFrame(kind: FrameKind, payload: Buffer): Buffer {
  const head = Buffer.alloc(frameHeadBytes);
  head.write(kind, "latin1");
  head.writeUInt32BE(payload.length, 1);
  return Buffer.concat([head, payload]);
}

export function encodeHeader({ cluster, slot, confirmed, state, synod, stopped }: SnapshotHeader): Buffer {
  return Buffer.from(JSON.stringify({ cluster, slot, confirmed, state, synod, stopped }));
}

/** The header that a payload holds; undefined when it holds none. */
export function decodeHeader(payload: Buffer): SnapshotHeader | undefined {
  try {
    const { cluster, slot, confirmed, state, synod, stopped } = JSON.parse(payload.toString());
    if (typeof cluster !== "string" || typeof synod !== "string") return undefined;
    const areWhole = [slot, confirmed, state].every((number) => Number.isSafeInteger(number) && number >= 0);
    if (!areWhole || slot === 0 || !["string", "undefined"].includes(typeof stopped)) return undefined;
    const header = { cluster, slot, confirmed, state, synod };
    return stopped === undefined ? header : { ...header, stopped };
  } catch {
    return undefined;
  }
}

export function encodePage(entries: readonly StateEntry[], digest: Uint8Array): Buffer {
  const parts: Uint8Array[] = [];
  for (const [key, value] of entries) {
    const lengths = Buffer.allocUnsafe(8);
    lengths.writeUInt32BE(key.length, 0);
    lengths.writeUInt32BE(value.length, 4);
    parts.push(lengths, key, value);
  }
  return Buffer.concat([...parts, digest]);
}

/** The page that a payload holds; undefined when it holds none. */
export function decodePage(payload: Buffer): { entries: StateEntry[]; digest: Uint8Array } | undefined {
  const end = payload.length - digestBytes;
  const entries: StateEntry[] = [];
  let at = 0;
  while (at < end) {
    if (at + 8 > end) return undefined;
    const valueAt = at + 8 + payload.readUInt32BE(at);
    const next = valueAt + payload.readUInt32BE(at + 4);
    if (next > end) return undefined;
    entries.push([payload.subarray(at + 8, valueAt), payload.subarray(valueAt, next)]);
    at = next;
  }
  return at === end ? { entries, digest: payload.subarray(end) } : undefined;
}

/** All of the trailer but its last digest, which covers this too. */
export function encodeTotals({ pages, keys, bytes }: SnapshotTotals, digest: Uint8Array): Buffer {
  const numbers = Buffer.alloc(3 * 8);
  [pages, keys, bytes].forEach((number, index) => {
    numbers.writeBigUInt64BE(BigInt(number), 8 * index);
  });
  return Buffer.concat([numbers, digest]);
}

/** A hash over a file as it goes by. */
export class FileHash {
  readonly #hash = createHash("sha256");

  add(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** The hash of everything added so far. */
  get value(): Buffer {
    return this.#hash.copy().digest();
  }
}
