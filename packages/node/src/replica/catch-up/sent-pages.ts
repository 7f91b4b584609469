import { noDigest } from "./snapshot-digest.js";

/** A place between two pages of a snapshot that was sent up to there. */
export interface SentPosition {
  /** The last key sent; undefined at the beginning. */
  readonly after: Uint8Array | undefined;
  /** Of everything up to here. */
  readonly digest: Uint8Array;
  readonly pages: number;
  readonly rows: number;
  readonly bytes: number;
}

const beginning: SentPosition = { after: undefined, digest: noDigest, pages: 0, rows: 0, bytes: 0 };

/** The places up to which a snapshot was sent, from which readers may go on. */
export class SentPages {
  readonly #positions = new Map<string, SentPosition>();
  #pages = 0;

  /** The number of pages sent to whoever has the most. */
  get pages(): number {
    return this.#pages;
  }

  /** The place behind a page that follows another place. */
  add(
    before: SentPosition,
    digest: Uint8Array,
    entries: readonly (readonly [key: Uint8Array, value: Uint8Array])[],
  ): SentPosition {
    const after = entries.at(-1)?.[0];
    const bytes = entries.reduce((sum, [key, value]) => sum + key.length + value.length, before.bytes);
    const pages = before.pages + 1;
    const position = {
      after: after ?? before.after,
      digest,
      pages,
      rows: before.rows + entries.length,
      bytes,
    };
    if (after !== undefined) this.#positions.set(nameOf(after), position);
    this.#pages = Math.max(this.#pages, pages);
    return position;
  }

  /**
   * The place behind a key, at which everything sent had this digest; undefined where it is none: a chain that went on from any
   * other digest would be right to the end, whatever the reader has in place of the pages before.
   */
  find(after: Uint8Array, digest: Uint8Array): SentPosition | undefined {
    const position = after.length === 0 ? beginning : this.#positions.get(nameOf(after));
    return position && Buffer.compare(position.digest, digest) === 0 ? position : undefined;
  }

  get beginning(): SentPosition {
    return beginning;
  }
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key).toString("base64");
}
