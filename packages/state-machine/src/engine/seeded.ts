import { createHash } from "node:crypto";

const blockBytes = 32;

/** A stream of bytes that looks like chance and is the same wherever the seed is. Made when first asked. */
export class SeededBytes {
  readonly #seed: () => Uint8Array;
  #block: Buffer = Buffer.alloc(0);
  #used = 0;
  #blocks = 0;

  constructor(seed: () => Uint8Array) {
    this.#seed = seed;
  }

  /** @param length at most 32 */
  take(length: number): Buffer {
    if (this.#used + length > this.#block.length) {
      const number = Buffer.alloc(8);
      number.writeUInt32BE(this.#blocks++);
      this.#block = createHash("sha256").update(this.#seed()).update(number).digest();
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += Math.min(length, blockBytes);
    return this.#block.subarray(start, this.#used);
  }

  /** A number from 0, included, to 1, excluded, of 53 bits. */
  random(): number {
    const bytes = this.take(8);
    return (bytes.readUInt32BE(0) * 2 ** 21 + (bytes.readUInt32BE(4) >>> 11)) / 2 ** 53;
  }

  /** A UUID in the form of version 4. */
  uuid(): string {
    const bytes = Buffer.from(this.take(16));
    bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
    const hex = bytes.toString("hex");
    return [0, 8, 12, 16, 20, 32]
      .slice(1)
      .map((end, index, ends) => hex.slice(index === 0 ? 0 : ends[index - 1], end))
      .join("-");
  }
}
