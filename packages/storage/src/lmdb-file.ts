import { closeSync, openSync, readSync } from "node:fs";

/*
 * liblmdb's data file as it lies on disk, in its data format 2, on machines that store the least byte first: `MDB_page`,
 * `MDB_node`, `MDB_db`, `MDB_ovpage` and `MDB_meta` of mdb.c. lmdb itself maps the file and trusts every byte of it, so
 * whoever wants to know whether it may be trusted has to read it without lmdb.
 */

const headerBytes = 24;
const nodeBytes = 8;
const treeBytes = 48;
const overflowBytes = 24;
const metaBytes = 160;
const pageBytesAt = 48;
const leastPageBytes = 512;
const mostPageBytes = 65_536;
const magic = 0xbeefc0de;
const dataVersion = 2;

const pageKinds = { branch: 0x01, leaf: 0x02, overflow: 0x04, meta: 0x08 } as const;
export type PageKind = "branch" | "leaf";
const nodeFlags = { big: 0x01, tree: 0x02 } as const;
export const noPage: number = Number.POSITIVE_INFINITY;
/** The flag of a tree whose keys are numbers: MDB_INTEGERKEY. */
export const numberKeys = 0x08;

/** A tree of pages: `MDB_db`. */
export interface Tree {
  /** The order of its keys, and whether a key may have several values; 0 for keys in the order of their bytes. */
  readonly flags: number;
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  readonly entries: number;
  /** `noPage` where there is nothing in it. */
  readonly root: number;
}

/** The state after one transaction. */
export interface Meta {
  readonly transaction: number;
  readonly lastPage: number;
  readonly free: Tree;
  readonly main: Tree;
}

/** Pages that hold one large value: `MDB_ovpage`. */
export interface Overflow {
  readonly page: number;
  readonly transaction: number;
  readonly pages: number;
}

export interface BranchNode {
  readonly key: Buffer;
  readonly child: number;
}

export type LeafNode = { readonly key: Buffer } & (
  | { readonly kind: "value"; readonly value: Buffer }
  | { readonly kind: "large"; readonly bytes: number; readonly overflow: Overflow }
  | { readonly kind: "tree"; readonly tree: Tree }
);

/** The file is not as lmdb writes it. The message begins with the page. */
export class UnsoundFile extends Error {
  override readonly name = "UnsoundFile";
}

type ReadAt = (descriptor: number, into: Buffer, offset: number, length: number, position: number) => number;

/** A data file, read page by page. Throws UnsoundFile where it is not as lmdb writes it. */
export class LmdbFile {
  readonly pageBytes: number;
  readonly #descriptor: number;
  readonly #readAt: ReadAt;

  constructor(file: string, readAt: ReadAt = readSync) {
    this.#descriptor = openSync(file, "r");
    this.#readAt = readAt;
    const head = Buffer.alloc(metaBytes);
    readAt(this.#descriptor, head, 0, metaBytes, 0);
    const pageBytes = head.readUInt32LE(pageBytesAt);
    // The head itself is looked at later: without a size no page can be read.
    this.pageBytes = pageBytes >= leastPageBytes && pageBytes <= mostPageBytes ? pageBytes : leastPageBytes;
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  /**
   * The head that the last transaction left. Each transaction writes the other of the two, so they are of two in a row: a head
   * that claims to be older than it is would take everything back by one transaction. While lmdb writes a head, this may
   * throw as well: then there is nothing wrong, and a head is whole a moment later.
   */
  newestMeta(): Meta {
    const [first, second] = [this.#meta(0), this.#meta(1)];
    const isPair =
      first.transaction === second.transaction
        ? first.transaction === 0
        : Math.abs(first.transaction - second.transaction) === 1 && first.transaction % 2 === 0;
    if (!isPair)
      throw new UnsoundFile(
        `page 0 is of transaction ${first.transaction} and page 1 of ${second.transaction}, which cannot be`,
      );
    return first.transaction > second.transaction ? first : second;
  }

  /** A page of a tree: its transaction, and its kind. */
  page(number: number): { readonly bytes: Buffer; readonly kind: PageKind; readonly transaction: number } {
    const bytes = this.#read(number, 0, this.pageBytes);
    const flags = bytes.readUInt16LE(18);
    if (flags !== pageKinds.branch && flags !== pageKinds.leaf)
      throw new UnsoundFile(`page ${number} has flags ${flags}, and neither branches nor leaves`);
    return {
      bytes,
      kind: flags === pageKinds.branch ? "branch" : "leaf",
      transaction: this.#head(number, bytes),
    };
  }

  branches(number: number, page: Buffer): BranchNode[] {
    return this.#nodes(number, page).map(({ at, end }) => {
      const keyEnd = at + nodeBytes + page.readUInt16LE(at + 6);
      if (keyEnd > end) throw new UnsoundFile(`page ${number} has a key that reaches beyond it`);
      const child = page.readUInt32LE(at) + page.readUInt16LE(at + 4) * 2 ** 32;
      return { key: page.subarray(at + nodeBytes, keyEnd), child };
    });
  }

  leaves(number: number, page: Buffer): LeafNode[] {
    return this.#nodes(number, page).map(({ at, end }) => {
      const flags = page.readUInt16LE(at + 4);
      const keyEnd = at + nodeBytes + page.readUInt16LE(at + 6);
      const bytes = page.readUInt32LE(at);
      const inPage = flags === nodeFlags.big ? overflowBytes : bytes;
      if (keyEnd + inPage > end) throw new UnsoundFile(`page ${number} has a value that reaches beyond it`);
      const key = page.subarray(at + nodeBytes, keyEnd);
      if (flags === 0) return { key, kind: "value", value: page.subarray(keyEnd, keyEnd + bytes) };
      if (flags === nodeFlags.big)
        return {
          key,
          kind: "large",
          bytes,
          overflow: {
            page: wholeAt(page, keyEnd),
            transaction: wholeAt(page, keyEnd + 8),
            pages: wholeAt(page, keyEnd + 16),
          },
        };
      if (flags === nodeFlags.tree && bytes === treeBytes)
        return { key, kind: "tree", tree: treeAt(page, keyEnd) };
      throw new UnsoundFile(`page ${number} has an entry with flags ${flags}`);
    });
  }

  /** A value that has pages of its own. */
  large({ page, transaction, pages }: Overflow, bytes: number): Buffer {
    // A value that became smaller keeps its pages.
    if (pages * this.pageBytes < headerBytes + bytes)
      throw new UnsoundFile(`page ${page} begins ${pages} pages for ${bytes} bytes`);
    const all = this.#read(page, 0, headerBytes + bytes);
    const found = this.#head(page, all);
    if (
      all.readUInt16LE(18) !== pageKinds.overflow ||
      all.readUInt32LE(20) !== pages ||
      found !== transaction
    )
      throw new UnsoundFile(
        `page ${page} does not begin the ${pages} pages of transaction ${transaction} that it should`,
      );
    return all.subarray(headerBytes);
  }

  #meta(number: 0 | 1): Meta {
    const bytes = this.#read(number, 0, metaBytes);
    // A part of it may be what lmdb is just writing, and the rest what stood there before.
    if (!bytes.equals(this.#read(number, 0, metaBytes)))
      throw new UnsoundFile(`page ${number} changes while it is read`);
    const isSound =
      bytes.readUInt16LE(18) === pageKinds.meta &&
      bytes.readUInt32LE(24) === magic &&
      (bytes.readUInt32LE(28) & 0xffff) === dataVersion &&
      bytes.readUInt32LE(pageBytesAt) === this.pageBytes;
    if (!isSound)
      throw new UnsoundFile(`page ${number} is no head of a file with pages of ${this.pageBytes} bytes`);
    return {
      free: treeAt(bytes, 48),
      main: treeAt(bytes, 48 + treeBytes),
      lastPage: wholeAt(bytes, 48 + 2 * treeBytes),
      transaction: wholeAt(bytes, 56 + 2 * treeBytes),
    };
  }

  /** Checks that a page is the one it should be, and returns the transaction that wrote it. */
  #head(number: number, bytes: Buffer): number {
    const found = wholeAt(bytes, 0);
    if (found !== number) throw new UnsoundFile(`page ${number} says that it is page ${found}`);
    return wholeAt(bytes, 8);
  }

  /** The places of a page's entries, in the order of their keys. Entries neither overlap nor leave the page. */
  #nodes(number: number, page: Buffer): { readonly at: number; readonly end: number }[] {
    const lower = page.readUInt16LE(20);
    const upper = page.readUInt16LE(22);
    if (lower % 2 !== 0 || lower > upper || headerBytes + upper > this.pageBytes)
      throw new UnsoundFile(`page ${number} has room from ${lower} to ${upper}`);
    const starts: number[] = [];
    for (let at = headerBytes; at < headerBytes + lower; at += 2)
      starts.push(headerBytes + page.readUInt16LE(at));
    const ends = new Map<number, number>();
    const sorted = Array.from(starts).sort((a, b) => a - b);
    for (const [index, at] of sorted.entries()) ends.set(at, sorted[index + 1] ?? this.pageBytes);
    if (ends.size < starts.length || (sorted[0] ?? this.pageBytes) < headerBytes + upper)
      throw new UnsoundFile(`page ${number} has entries where none can be`);
    return starts.map((at) => {
      const end = ends.get(at) as number;
      if (at + nodeBytes > end) throw new UnsoundFile(`page ${number} has an entry without room`);
      return { at, end };
    });
  }

  #read(page: number, offset: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    const position = page * this.pageBytes + offset;
    if (!Number.isSafeInteger(position)) throw new UnsoundFile(`page ${page} is beyond any file`);
    const read = this.#readAt(this.#descriptor, bytes, 0, length, position);
    if (read < length) throw new UnsoundFile(`page ${page} is needed, and the file ends before it`);
    return bytes;
  }
}

function treeAt(bytes: Buffer, at: number): Tree {
  const root = bytes.readBigUInt64LE(at + 40);
  return {
    flags: bytes.readUInt8(at + 4), // in a head the next byte is about all of the environment
    depth: bytes.readUInt16LE(at + 6),
    branchPages: wholeAt(bytes, at + 8),
    leafPages: wholeAt(bytes, at + 16),
    overflowPages: wholeAt(bytes, at + 24),
    entries: wholeAt(bytes, at + 32),
    root: root === 2n ** 64n - 1n ? noPage : Number(root),
  };
}

function wholeAt(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at));
}
