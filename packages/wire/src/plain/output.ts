import type { Integer } from "./input.js";

const smallest = 4096;
/** A buffer that grew beyond this is let go of after the message that needed it. */
const largestKept = 1 << 20;
/** The quiet NaN that everybody writes: JavaScript does not say which bits a NaN has. */
const nan32 = 0x7fc00000;
const nan64 = 0x7ff80000;

/** Writes messages front to back, into a buffer that grows. */
export class Output {
  #buffer = Buffer.allocUnsafeSlow(smallest);
  #position = 0;

  /** The bytes that `write` wrote. Calls may be nested: a getter of an object that is written may write others. */
  written(write: () => void): Buffer {
    const start = this.#position;
    try {
      write();
      const bytes = Buffer.allocUnsafe(this.#position - start);
      this.#buffer.copy(bytes, 0, start, this.#position);
      return bytes;
    } finally {
      this.#position = start;
      if (start === 0 && this.#buffer.length > largestKept) this.#buffer = Buffer.allocUnsafeSlow(smallest);
    }
  }

  /** A whole number from 0 to 2^53 - 1. */
  varint(value: number): void {
    this.#room(10);
    const buffer = this.#buffer;
    let position = this.#position;
    let rest = value;
    while (rest >= 0x80) {
      buffer[position++] = (rest & 0x7f) | 0x80;
      rest = rest < 0x80000000 ? rest >>> 7 : Math.floor(rest / 0x80);
    }
    buffer[position++] = rest;
    this.#position = position;
  }

  /** A negative one as two's complement of 64 bits. */
  varint64(value: Integer): void {
    if (typeof value === "number" && value >= 0) {
      this.varint(value);
      return;
    }
    this.#room(10);
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest >= 0x80n; rest >>= 7n) this.#buffer[this.#position++] = Number(rest & 0x7fn) | 0x80;
    this.#buffer[this.#position++] = Number(rest);
  }

  zigzag32(value: number): void {
    this.varint(((value << 1) ^ (value >> 31)) >>> 0);
  }

  zigzag64(value: Integer): void {
    if (typeof value === "number" && Math.abs(value) < 2 ** 51) {
      this.varint(value >= 0 ? value * 2 : -value * 2 - 1);
      return;
    }
    const whole = BigInt(value);
    this.varint64(whole >= 0n ? whole << 1n : (-whole << 1n) - 1n);
  }

  fixed32(value: number): void {
    this.#room(4);
    this.#position = this.#buffer.writeInt32LE(value | 0, this.#position);
  }

  fixed64(value: Integer): void {
    this.#room(8);
    this.#position = this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), this.#position);
  }

  float(value: number): void {
    if (Number.isNaN(value)) {
      this.fixed32(nan32);
      return;
    }
    this.#room(4);
    this.#position = this.#buffer.writeFloatLE(value, this.#position);
  }

  double(value: number): void {
    if (Number.isNaN(value)) {
      this.fixed32(0);
      this.fixed32(nan64);
      return;
    }
    this.#room(8);
    this.#position = this.#buffer.writeDoubleLE(value, this.#position);
  }

  /** With its length before it. */
  text(value: string): void {
    const { length } = value;
    if (length > longestByHand || !this.#ascii(value)) {
      const size = Buffer.byteLength(value, "utf8");
      this.varint(size);
      this.#room(size);
      this.#buffer.write(value, this.#position, size, "utf8");
      this.#position += size;
    }
  }

  /** With its length before it. */
  bytes(value: Uint8Array): void {
    const length = lengthOf(value);
    this.varint(length);
    this.#room(length);
    this.#buffer.set(value, this.#position);
    this.#position += length;
  }

  /** Bytes that are encoded already. */
  raw(bytes: Buffer, start: number, end: number): void {
    this.#room(end - start);
    this.#position += bytes.copy(this.#buffer, this.#position, start, end);
  }

  /** Begins what has its length before it. Hand what is returned to `close`. */
  open(): number {
    this.#room(1);
    return ++this.#position;
  }

  close(start: number): void {
    const size = this.#position - start;
    if (size < 0x80) {
      this.#buffer[start - 1] = size;
      return;
    }
    let more = 0;
    for (let rest = size; rest >= 0x80; rest = Math.floor(rest / 0x80)) more++;
    this.#room(more);
    this.#buffer.copyWithin(start + more, start, this.#position);
    this.#position = start - 1;
    this.varint(size);
    this.#position += size;
  }

  /** Writes a short text if it is ASCII. */
  #ascii(value: string): boolean {
    const { length } = value;
    this.#room(length + 1);
    const buffer = this.#buffer;
    const start = this.#position;
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code >= 0x80) return false;
      buffer[start + 1 + index] = code;
    }
    buffer[start] = length;
    this.#position = start + 1 + length;
    return true;
  }

  #room(size: number): void {
    const needed = this.#position + size;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#position);
    this.#buffer = grown;
  }
}

const { get: ownLength } = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  "length",
) as { get: () => number };

/** Whatever its property `length` says: what was in the buffer before would be written as a part of the value. */
function lengthOf(value: Uint8Array): number {
  return ownLength.call(value);
}

/** Longer texts are written faster by Node, shorter ones by a loop. */
const longestByHand = 32;
