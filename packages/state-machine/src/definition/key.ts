import { types } from "node:util";

/*
 * Typed keys as bytes whose order is the keys' order: part by part, numbers by value, texts and bytes by their bytes
 * (text as UTF-8).
 *
 *   int64           8 bytes, big-endian, the sign flipped
 *   string, bytes   as they are when they come last; else with each 0 followed by 255, and 0 1 behind them
 */
export type KeyPart = string | bigint | Uint8Array;
export type KeyKind = "string" | "int64" | "bytes";

const signBit = 2n ** 63n;
const noBytes = Buffer.alloc(0);

/** Thrown for a part that is not of its kind. */
function problem(place: string, expected: string, found: unknown): TypeError {
  const shown = typeof found === "string" ? JSON.stringify(found.slice(0, 32)) : String(found).slice(0, 32);
  return new TypeError(`${place}: expected ${expected}, found ${typeof found} ${shown}`);
}

function contentOf(kind: "string" | "bytes", part: KeyPart, place: string): Uint8Array {
  if (kind === "string") {
    if (typeof part !== "string") throw problem(place, "a text", part);
    // UTF-8 has no half characters: Node would write the same replacement for all of them, and two keys would be one.
    if (loneSurrogate.test(part))
      throw problem(place, "well-formed text, without half a surrogate pair", part);
    return Buffer.from(part, "utf8");
  }
  // One of another realm, too.
  if (!types.isUint8Array(part)) throw problem(place, "a Uint8Array", part);
  return part;
}

const loneSurrogate = /\p{Surrogate}/u;

function escaped(content: Uint8Array): Uint8Array {
  if (!content.includes(0)) return content;
  const bytes: number[] = [];
  for (const byte of content) {
    bytes.push(byte);
    if (byte === 0) bytes.push(255);
  }
  return Buffer.from(bytes);
}

const terminator = Buffer.from([0, 1]);

/** The keys of one table. */
export class KeyCodec {
  readonly kinds: readonly KeyKind[];
  readonly #table: string;
  /** Before every key. */
  readonly prefix: Uint8Array;

  constructor(table: string, kinds: readonly KeyKind[]) {
    this.#table = table;
    this.kinds = kinds;
    this.prefix = Buffer.from(`${table}\0`);
  }

  /** A whole key. */
  encode(parts: readonly KeyPart[]): Uint8Array {
    if (parts.length !== this.kinds.length)
      throw problem(`key of table ${this.#table}`, `${this.kinds.length} parts`, parts.length);
    return this.leading(parts);
  }

  /** The bytes that all keys with these first parts begin with; a whole key when all parts are given. */
  leading(parts: readonly KeyPart[], beginning?: string | Uint8Array): Uint8Array {
    const pieces: Uint8Array[] = [this.prefix];
    if (parts.length > this.kinds.length)
      throw problem(`key of table ${this.#table}`, `at most ${this.kinds.length} parts`, parts.length);
    for (let index = 0; index < parts.length; index++) {
      this.#encodePart(pieces, index, parts[index] as KeyPart);
    }
    if (beginning !== undefined) pieces.push(this.#beginning(parts.length, beginning));
    return pieces.length === 1 ? this.prefix : Buffer.concat(pieces);
  }

  decode(bytes: Uint8Array): KeyPart[] {
    const parts: KeyPart[] = [];
    let at = this.prefix.length;
    for (let index = 0; index < this.kinds.length; index++) {
      const kind = this.kinds[index] as KeyKind;
      if (kind === "int64") {
        const view = Buffer.from(bytes.buffer, bytes.byteOffset + at, 8);
        parts.push(BigInt.asIntN(64, view.readBigUInt64BE() - signBit));
        at += 8;
        continue;
      }
      const last = index === this.kinds.length - 1;
      const [content, next] = last ? [bytes.subarray(at), bytes.length] : unescaped(bytes, at);
      at = next;
      parts.push(kind === "string" ? Buffer.from(content).toString("utf8") : Uint8Array.from(content));
    }
    return parts;
  }

  #encodePart(pieces: Uint8Array[], index: number, part: KeyPart): void {
    const kind = this.kinds[index] as KeyKind;
    const place = `part ${index + 1} of the key of table ${this.#table}`;
    if (kind === "int64") {
      if (typeof part !== "bigint" || BigInt.asIntN(64, part) !== part)
        throw problem(place, "a bigint within int64", part);
      const bytes = Buffer.allocUnsafe(8);
      bytes.writeBigUInt64BE(part + signBit);
      pieces.push(bytes);
      return;
    }
    const content = contentOf(kind, part, place);
    if (index === this.kinds.length - 1) pieces.push(content);
    else pieces.push(escaped(content), terminator);
  }

  #beginning(index: number, beginning: string | Uint8Array): Uint8Array {
    const kind = this.kinds[index];
    const place = `beginsWith in table ${this.#table}`;
    if (kind !== "string" && kind !== "bytes")
      throw problem(place, "a text or bytes to come behind the prefix", beginning);
    const content = contentOf(kind, beginning, place);
    return index === this.kinds.length - 1 ? content : escaped(content);
  }
}

function unescaped(bytes: Uint8Array, from: number): readonly [Uint8Array, number] {
  const content: number[] = [];
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === 0) {
      if (bytes[at + 1] === 1) return [Buffer.from(content), at + 2];
      at++;
    }
    content.push(byte);
  }
  return [content.length === 0 ? noBytes : Buffer.from(content), bytes.length];
}

/** The first key after all that begin with these bytes. They begin with a table's name, so there is one. */
export function endOf(prefix: Uint8Array): Uint8Array {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 255) length--;
  const end = Buffer.from(prefix.subarray(0, length));
  end[length - 1] = (end[length - 1] as number) + 1;
  return end;
}

/** The first key after this one. */
export function after(key: Uint8Array): Uint8Array {
  return Buffer.concat([key, Buffer.alloc(1)]);
}
