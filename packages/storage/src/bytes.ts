const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Writes numbers, texts and bytes one after the other; integers take one byte per seven bits, least first. */
export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor(expectedBytes = 128) {
    this.#bytes = new Uint8Array(expectedBytes);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** A whole number from 0 to 2^53 - 1. */
  integer(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0)
      throw new RangeError(`expected a whole number from 0 to 2^53 - 1, found ${value}`);
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  bytes(value: Uint8Array): void {
    this.integer(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  text(value: string): void {
    this.bytes(encoder.encode(value));
  }

  /** The bytes written so far: a view of the writer's own memory. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/** Reads what `ByteWriter` wrote; throws RangeError or TypeError on anything else. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  byte(): number {
    const value = this.#bytes[this.#position++];
    if (value === undefined) throw new RangeError("the record ends too early");
    return value;
  }

  integer(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 53; scale *= 0x80) {
      const next = this.byte();
      value += (next & 0x7f) * scale;
      if (next < 0x80) {
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
    }
    throw new RangeError("a number is too large");
  }

  /** A view, not a copy. */
  bytes(): Uint8Array {
    const length = this.integer();
    const end = this.#position + length;
    if (end > this.#bytes.length) throw new RangeError("the record ends too early");
    const value = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return value;
  }

  text(): string {
    return decoder.decode(this.bytes());
  }

  get atEnd(): boolean {
    return this.#position === this.#bytes.length;
  }

  end(): void {
    if (!this.atEnd) throw new RangeError("the record is too long");
  }
}

/** Eight bytes, most significant first, so that byte order is slot order. */
export function slotKey(slot: number): Uint8Array {
  const key = new Uint8Array(8);
  const view = new DataView(key.buffer);
  view.setUint32(0, Math.floor(slot / 2 ** 32));
  view.setUint32(4, slot % 2 ** 32);
  return key;
}

export function slotOf(key: Uint8Array): number {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  return view.getUint32(0) * 2 ** 32 + view.getUint32(4);
}
