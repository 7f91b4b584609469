import { constants, lstatSync } from "node:fs";
import { type FileHandle, open, rename, stat, unlink } from "node:fs/promises";
import path from "node:path";
import { noDigest } from "@synod/node";
import { replaceable, systemReason } from "@synod/node/surroundings";
import type { StateEntry } from "@synod/storage";
import { Failure } from "../failure.js";
import {
  digestBytes,
  encodeFrame,
  encodeHead,
  encodeHeader,
  encodePage,
  encodeTotals,
  FileHash,
  nothing,
  type SnapshotHeader,
  type SnapshotTotals,
  withPage,
} from "./format.js";

/** The disk does not take the backup, wherever it comes from. */
export class CannotWrite extends Failure {}

/**
 * Writes a backup to FILE.partial, and gives it its name when it is whole and on disk. Whoever begins one ends it with
 * `finish` or `abandon`. Throws Failure where the disk does not take it.
 */
export class SnapshotWriter {
  readonly file: string;
  readonly partial: string;
  readonly #handle: FileHandle;
  /** Tells the file from another of the same name. */
  readonly #inode: number;
  #hash = new FileHash();
  #digest: Uint8Array = noDigest;
  #totals: SnapshotTotals = nothing;
  #at = 0;

  private constructor(file: string, handle: FileHandle, inode: number) {
    this.file = file;
    this.partial = partialOf(file);
    this.#handle = handle;
    this.#inode = inode;
  }

  /**
   * Refuses a file that exists unless it is to be replaced, and whatever is no regular file in any case. Behind a symbolic link it
   * is the file meant that is written. What an interrupted save left is thrown away.
   */
  static async create(file: string, replace: boolean): Promise<SnapshotWriter> {
    const place = placeFor(path.resolve(file), replace);
    const partial = partialOf(place);
    try {
      if (lstatSync(partial, { throwIfNoEntry: false })?.isFile()) await unlink(partial);
      const handle = await open(partial, "wx", 0o600);
      return new SnapshotWriter(place, handle, (await handle.stat()).ino);
    } catch (error) {
      throw cannotWrite(partial, error);
    }
  }

  get totals(): SnapshotTotals {
    return this.#totals;
  }

  /** Begins, or begins anew: what was written is thrown away. */
  async begin(header: SnapshotHeader): Promise<void> {
    this.#hash = new FileHash();
    this.#digest = noDigest;
    this.#totals = nothing;
    this.#at = 0;
    await this.#handle.truncate(0).catch((error: unknown) => {
      throw cannotWrite(this.partial, error);
    });
    await this.#write(encodeHead());
    await this.#write(encodeFrame("h", encodeHeader(header)));
  }

  /** @param digest of this page, as `nextDigest` makes it */
  async page(entries: readonly StateEntry[], digest: Uint8Array): Promise<void> {
    await this.#write(encodeFrame("p", encodePage(entries, digest)));
    this.#totals = withPage(this.#totals, entries);
    this.#digest = digest;
  }

  /** The whole is on disk, and has its name. `replace` as with `create`. */
  async finish(replace: boolean): Promise<void> {
    const totals = encodeTotals(this.#totals, this.#digest);
    const frame = encodeFrame("t", Buffer.concat([totals, Buffer.alloc(digestBytes)]));
    await this.#write(frame.subarray(0, -digestBytes));
    await this.#write(this.#hash.value);
    try {
      await this.#handle.sync();
      await this.#handle.close();
      placeFor(this.file, replace);
      if ((await stat(this.partial)).ino !== this.#inode)
        throw new Failure(
          `another "synod snapshot save" writes ${this.partial}: give each a file of its own`,
        );
      await rename(this.partial, this.file);
      await syncDirectory(path.dirname(this.file));
    } catch (error) {
      throw cannotWrite(this.file, error);
    }
  }

  /** Leaves nothing behind. */
  async abandon(): Promise<void> {
    await this.#handle.close().catch(() => {});
    const found = await stat(this.partial).catch(() => undefined);
    if (found?.ino === this.#inode) await unlink(this.partial).catch(() => {});
  }

  async #write(bytes: Buffer): Promise<void> {
    try {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, this.#at + done);
        done += bytesWritten;
      }
    } catch (error) {
      throw cannotWrite(this.partial, error);
    }
    this.#at += bytes.length;
    this.#hash.add(bytes);
  }
}

/** The names in a directory survive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function partialOf(file: string): string {
  return `${file}.partial`;
}

/** The file that a backup of this name is written to. Throws Failure for one that is not to be replaced. */
function placeFor(file: string, replace: boolean): string {
  let place: ReturnType<typeof replaceable>;
  try {
    place = replaceable(file);
  } catch (error) {
    throw cannotWrite(file, error);
  }
  if ("found" in place)
    throw new Failure(`expected a file, or nothing yet, at ${file}, found ${place.found}: give another name`);
  if (place.exists && !replace)
    throw new Failure(`${file} exists already: give another name, or --force to replace it`);
  return place.file;
}

function cannotWrite(file: string, error: unknown): Failure {
  return error instanceof Failure ? error : new CannotWrite(`cannot write ${file}: ${systemReason(error)}`);
}
