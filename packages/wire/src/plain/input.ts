import { isUtf8 } from "node:buffer";
import { Reading } from "../bytes.js";
import { WireError } from "../wire-error.js";

/** An integer of 64 bits: a number where that is exact. */
export type Integer = number | bigint;

/** Reads the values of fields. Reads past the end throw a `WireError`, at the latest when the message is finished. */
export class Input extends Reading {
  /** The two halves of the integer that was read last, signed. */
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array) {
    super(bytes, "");
  }

  /** The low 32 bits, signed. */
  int32(): number {
    const first = this.buffer[this.position] as number;
    if (first < 0x80) {
      this.position++;
      return first;
    }
    this.#halves();
    return this.#low;
  }

  int64(): Integer {
    const first = this.buffer[this.position] as number;
    if (first < 0x80) {
      this.position++;
      return first;
    }
    this.#halves();
    return signed(this.#low, this.#high);
  }

  uint64(): Integer {
    const first = this.buffer[this.position] as number;
    if (first < 0x80) {
      this.position++;
      return first;
    }
    this.#halves();
    return unsigned(this.#low, this.#high);
  }

  sint64(): Integer {
    this.#halves();
    const sign = -(this.#low & 1);
    const low = ((this.#low >>> 1) | (this.#high << 31)) ^ sign;
    const high = (this.#high >>> 1) ^ sign;
    return signed(low, high);
  }

  bool(): boolean {
    this.#halves();
    return (this.#low | this.#high) !== 0;
  }

  fixed32(): number {
    return this.buffer.readInt32LE(this.#fixed(4));
  }

  fixed64(): Integer {
    const at = this.#fixed(8);
    return unsigned(this.buffer.readInt32LE(at), this.buffer.readInt32LE(at + 4));
  }

  sfixed64(): Integer {
    const at = this.#fixed(8);
    return signed(this.buffer.readInt32LE(at), this.buffer.readInt32LE(at + 4));
  }

  float(): number {
    return this.buffer.readFloatLE(this.#fixed(4));
  }

  double(): number {
    return this.buffer.readDoubleLE(this.#fixed(8));
  }

  /** @param place of the text, for errors */
  text(limit: number, place: string): string {
    const end = this.end(limit);
    const { buffer, position } = this;
    this.position = end;
    if (end - position > longestByHand) {
      const content = buffer.subarray(position, end);
      if (!isUtf8(content)) throw new WireError(place, "UTF-8", "bytes that are not");
      return content.toString("utf8");
    }
    let text = "";
    for (let at = position; at < end; at++) {
      const byte = buffer[at] as number;
      if (byte >= 0x80) {
        if (!isUtf8(buffer.subarray(position, end)))
          throw new WireError(place, "UTF-8", "bytes that are not");
        return buffer.toString("utf8", position, end);
      }
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** A view. */
  bytes(limit: number): Buffer {
    const end = this.end(limit);
    const content = this.buffer.subarray(this.position, end);
    this.position = end;
    return content;
  }

  /** The bits of any integer, at most 64 of them. */
  varintBits(): bigint {
    this.#halves();
    return BigInt.asUintN(64, bigintOf(this.#low, this.#high));
  }

  #fixed(size: number): number {
    const at = this.position;
    this.position += size;
    if (this.position > this.buffer.length) throw this.malformed("a field that runs past the end");
    return at;
  }

  #halves(): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.buffer[this.position++] as number;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte < 0x80) {
        this.#low = low;
        this.#high = high;
        return;
      }
    }
    throw this.malformed("an integer that does not end");
  }
}

/** Longer texts are read faster by Node, shorter ones by a loop. */
const longestByHand = 24;

function bigintOf(low: number, high: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}

function signed(low: number, high: number): Integer {
  if (high >= -0x200000 && high < 0x200000) return high * 0x100000000 + (low >>> 0);
  return bigintOf(low, high);
}

function unsigned(low: number, high: number): Integer {
  if (high >= 0 && high < 0x200000) return high * 0x100000000 + (low >>> 0);
  return BigInt.asUintN(64, bigintOf(low, high));
}
