/*
 * Reading and writing protobuf by hand, for the few messages that travel by the thousand (commands and responses):
 * three to four times as fast as protobufjs. Everything else goes through message types. A test holds the two to the
 * same bytes.
 */
import { WireError } from "./wire-error.js";

export const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** Tag of a field; every field here has a number below 16, so that a tag is one byte. */
export function tagOf(field: number, type: number): number {
  return (field << 3) | type;
}

export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  let size = 4;
  for (let rest = Math.floor(value / 0x10000000); rest > 0; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** Size of a field of bytes or text with its tag; 0 when it is left out because it is empty. */
export function bytesSize(length: number): number {
  return length === 0 ? 0 : 1 + varintSize(length) + length;
}

/** Size of an integer field with its tag; 0 when it is left out because it is 0. */
export function integerSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}

/** Writes front to back into a buffer of known size. */
export class Writing {
  readonly buffer: Buffer;
  #position = 0;

  constructor(size: number) {
    this.buffer = Buffer.allocUnsafe(size);
  }

  varint(value: number): void {
    const { buffer } = this;
    let position = this.#position;
    let rest = value;
    while (rest >= 0x80) {
      buffer[position++] = (rest & 0x7f) | 0x80;
      rest = rest < 0x80000000 ? rest >>> 7 : Math.floor(rest / 0x80);
    }
    buffer[position++] = rest;
    this.#position = position;
  }

  /** The start of a message of `size` bytes. */
  message(field: number, size: number): void {
    this.buffer[this.#position++] = tagOf(field, wireType.bytes);
    this.varint(size);
  }

  integer(field: number, value: number): void {
    if (value === 0) return;
    this.buffer[this.#position++] = tagOf(field, wireType.varint);
    this.varint(value);
  }

  bytes(field: number, value: Uint8Array): void {
    const { length } = value;
    if (length === 0) return;
    this.message(field, length);
    if (length < 24) {
      for (let index = 0; index < length; index++)
        this.buffer[this.#position + index] = value[index] as number;
    } else {
      this.buffer.set(value, this.#position);
    }
    this.#position += length;
  }
}

/** Text that keeps coming back (services, methods, sessions) as bytes. Bounded. */
export class EncodedTexts {
  readonly #known = new Map<string, Uint8Array>();
  readonly #most = 4096;

  of(text: string): Uint8Array {
    let bytes = this.#known.get(text);
    if (bytes === undefined) {
      bytes = Buffer.from(text, "utf8");
      if (this.#known.size >= this.#most) this.#known.clear();
      this.#known.set(text, bytes);
    }
    return bytes;
  }
}

/** Reads front to back. Throws `WireError` past the end. */
export class Reading {
  readonly buffer: Buffer;
  readonly #what: string;
  position = 0;

  /** @param what the message, for errors */
  constructor(bytes: Uint8Array, what: string) {
    this.buffer = asBuffer(bytes);
    this.#what = what;
  }

  /** Inexact above 2^53; the caller checks. */
  varint(): number {
    const first = this.buffer[this.position++] as number;
    if (first < 0x80) return first;
    let value = first & 0x7f;
    let scale = 0x80;
    for (let read = 1; read < 10; read++) {
      const byte = this.buffer[this.position++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    throw this.malformed("an integer that does not end");
  }

  /** The number of the next field, times 8, and its wire type. */
  tag(): number {
    const tag = this.varint();
    if (tag < 8 || tag > 0xffffffff) throw this.malformed(`tag ${tag}`);
    return tag;
  }

  /** The end of the field of bytes that starts here. */
  end(limit: number): number {
    const length = this.varint();
    const end = this.position + length;
    if (end > limit)
      throw this.malformed(`a field of ${length} bytes where ${limit - this.position} are left`);
    return end;
  }

  skip(tag: number, limit: number): void {
    switch (tag & 7) {
      case wireType.varint:
        this.varint();
        break;
      case wireType.fixed64:
        this.position += 8;
        break;
      case wireType.bytes:
        this.position = this.end(limit);
        break;
      case wireType.fixed32:
        this.position += 4;
        break;
      default:
        throw this.malformed(`wire type ${tag & 7}`);
    }
  }

  /** Call when a message was read up to `limit`. */
  finish(limit: number): void {
    if (this.position !== limit) throw this.malformed("a field that runs past the end");
  }

  malformed(found: string): WireError {
    return new WireError(this.#what, "an encoded message", found);
  }
}

/**
 * Reads short texts that keep coming back (services, methods, sessions): one met lately is neither decoded nor checked
 * again. Bounded: a text that falls into the place of another takes it.
 */
export class KnownTexts {
  readonly #check: (text: string, field: string) => string;
  readonly #bytes: Uint8Array[] = [];
  readonly #texts: string[] = [];
  readonly #places = 1024;
  readonly #longest = 256;

  /** @param check throws unless the text is valid; not called for the empty text */
  constructor(check: (text: string, field: string) => string) {
    this.#check = check;
    for (let place = 0; place < this.#places; place++) {
      this.#bytes.push(new Uint8Array());
      this.#texts.push("");
    }
  }

  read(buffer: Buffer, start: number, end: number, field: string): string {
    if (start === end) return "";
    if (end - start > this.#longest) return this.#check(buffer.toString("utf8", start, end), field);
    let hash = end - start;
    for (let index = start; index < end; index++)
      hash = (Math.imul(hash, 31) + (buffer[index] as number)) | 0;
    const place = hash & (this.#places - 1);
    if (same(this.#bytes[place] as Uint8Array, buffer, start, end)) return this.#texts[place] as string;
    const text = this.#check(buffer.toString("utf8", start, end), field);
    // A copy: a view would keep the whole message in memory.
    this.#bytes[place] = Uint8Array.from(buffer.subarray(start, end));
    this.#texts[place] = text;
    return text;
  }
}

function same(bytes: Uint8Array, buffer: Buffer, start: number, end: number): boolean {
  if (bytes.length !== end - start) return false;
  for (let index = 0; index < bytes.length; index++) if (buffer[start + index] !== bytes[index]) return false;
  return true;
}

/** A view of the same bytes: Node and protobufjs read text of a Buffer much faster than that of a bare Uint8Array. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
