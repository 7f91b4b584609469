import { type FileHandle, open } from "node:fs/promises";
import { nextDigest, noDigest } from "@synod/node";
import { stateFormat } from "@synod/state-machine";
import type { StateEntry } from "@synod/storage";
import { exitCode, Failure, reasonOf } from "../failure.js";
import {
  decodeHeader,
  decodePage,
  digestBytes,
  encodeTotals,
  FileHash,
  type FrameKind,
  formatVersion,
  frameHeadBytes,
  headBytes,
  longestPayload,
  magic,
  nothing,
  type SnapshotHeader,
  type SnapshotTotals,
  withPage,
} from "./format.js";

/** The bytes of a backup, from the first to the last. */
class Bytes {
  readonly file: string;
  readonly #handle: FileHandle;
  readonly #size: number;
  #at = 0;

  constructor(file: string, handle: FileHandle, size: number) {
    this.file = file;
    this.#handle = handle;
    this.#size = size;
  }

  /** The next bytes. Throws Failure where the file ends before them. */
  async take(count: number, what: string): Promise<Buffer> {
    if (count > this.left) throw this.damaged(`it ends after ${this.#size} bytes, in the midst of ${what}`);
    const bytes = Buffer.allocUnsafe(count);
    for (let filled = 0; filled < count; ) {
      const { bytesRead } = await this.#handle
        .read(bytes, filled, count - filled, this.#at + filled)
        .catch((error: unknown) => {
          throw new Failure(`cannot read ${this.file}: ${reasonOf(error)}`);
        });
      if (bytesRead === 0) throw this.damaged(`it became shorter while it was read, in the midst of ${what}`);
      filled += bytesRead;
    }
    this.#at += count;
    return bytes;
  }

  get left(): number {
    return this.#size - this.#at;
  }

  damaged(found: string): Failure {
    return new Failure(
      `${this.file}: expected a whole backup, found that ${found}. Use another backup; this one cannot be mended`,
      exitCode.damaged,
    );
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

interface Frame {
  readonly kind: FrameKind;
  readonly payload: Buffer;
}

/**
 * A backup that is read, page by page. Pages may be used as they come, but nothing of it is to be relied on, the header
 * neither, before `pages` has ended without a Failure: only then is the file known to be whole.
 */
export class SnapshotFile {
  readonly header: SnapshotHeader;
  readonly #bytes: Bytes;
  readonly #hash: FileHash;
  #totals: SnapshotTotals = nothing;

  private constructor(header: SnapshotHeader, bytes: Bytes, hash: FileHash) {
    this.header = header;
    this.#bytes = bytes;
    this.#hash = hash;
  }

  /** Throws Failure, with exit code `damaged` where the file is no backup that this version can read. */
  static async open(file: string): Promise<SnapshotFile> {
    const handle = await open(file, "r").catch((error: unknown) => {
      throw new Failure(`cannot read ${file}: ${reasonOf(error)}`);
    });
    try {
      const bytes = new Bytes(file, handle, (await handle.stat()).size);
      const hash = new FileHash();
      await takeHead(bytes, hash);
      const { kind, payload } = await takeFrame(bytes, hash);
      const header = kind === "h" ? decodeHeader(payload) : undefined;
      if (header === undefined) throw bytes.damaged("its header cannot be read");
      if (header.state !== stateFormat)
        throw new Failure(
          `${file}: expected a state of format ${stateFormat}, found one of format ${header.state}. ` +
            `Use the version of Synod that wrote it, ${header.synod}`,
          exitCode.damaged,
        );
      return new SnapshotFile(header, bytes, hash);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** The totals of what has been read so far. */
  get totals(): SnapshotTotals {
    return this.#totals;
  }

  close(): Promise<void> {
    return this.#bytes.close();
  }

  /** The pages in their order. Ends when the whole file was found to be sound; throws Failure otherwise. */
  async *pages(): AsyncGenerator<readonly StateEntry[]> {
    let digest = noDigest;
    for (;;) {
      const { kind, payload } = await takeFrame(this.#bytes, this.#hash);
      const number = this.#totals.pages + 1;
      if (kind === "h") throw this.#bytes.damaged(`page ${number} is a second header`);
      if (kind === "t") {
        this.#end(payload, digest);
        return;
      }
      const page = decodePage(payload);
      if (page === undefined) throw this.#bytes.damaged(`page ${number} cannot be read`);
      digest = nextDigest(digest, page.entries);
      if (Buffer.compare(digest, page.digest) !== 0)
        throw this.#bytes.damaged(`the digest of page ${number} is wrong`);
      this.#totals = withPage(this.#totals, page.entries);
      yield page.entries;
    }
  }

  #end(payload: Buffer, digest: Uint8Array): void {
    const told = payload.subarray(0, -digestBytes);
    if (Buffer.compare(told, encodeTotals(this.#totals, digest)) !== 0)
      throw this.#bytes.damaged(`its end does not tell of the ${this.#totals.keys} keys before it`);
    if (Buffer.compare(payload.subarray(-digestBytes), this.#hash.value) !== 0)
      throw this.#bytes.damaged("the digest of the whole is wrong");
    if (this.#bytes.left > 0) throw this.#bytes.damaged(`${this.#bytes.left} bytes follow its end`);
  }
}

async function takeHead(bytes: Bytes, hash: FileHash): Promise<void> {
  const { file } = bytes;
  const head = bytes.left < headBytes ? Buffer.alloc(headBytes) : await bytes.take(headBytes, "its head");
  if (Buffer.compare(head.subarray(0, magic.length), magic) !== 0)
    throw new Failure(
      `${file}: expected a backup, as "synod snapshot save" writes it, found something else`,
      exitCode.damaged,
    );
  const version = head[magic.length];
  if (version !== formatVersion)
    throw new Failure(
      `${file}: expected a backup of format ${formatVersion}, found format ${version}. Use the version of Synod that wrote it`,
      exitCode.damaged,
    );
  hash.add(head);
}

/** A frame; the last digest of a trailer, which is over what comes before it, is not hashed. */
async function takeFrame(bytes: Bytes, hash: FileHash): Promise<Frame> {
  const head = await bytes.take(frameHeadBytes, "the head of a part");
  const kind = String.fromCharCode(head[0] as number);
  const length = head.readUInt32BE(1);
  if (!isFrameKind(kind)) throw bytes.damaged(`a part is of the unknown kind ${JSON.stringify(kind)}`);
  const isRight = kind === "t" ? length === longestPayload.t : length <= longestPayload[kind];
  if (!isRight || length < digestBytes) throw bytes.damaged(`a part of kind ${kind} has ${length} bytes`);
  const payload = await bytes.take(length, { h: "its header", p: "a page", t: "its end" }[kind]);
  hash.add(head);
  hash.add(kind === "t" ? payload.subarray(0, -digestBytes) : payload);
  return { kind, payload };
}

function isFrameKind(kind: string): kind is FrameKind {
  return Object.hasOwn(longestPayload, kind);
}
