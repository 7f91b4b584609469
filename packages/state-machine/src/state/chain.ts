import { createHash, type Hash } from "node:crypto";

const scratchBytes = 1 << 18;

/**
 * Gathers what a slot did into one sha256. Fields go through a scratch buffer, because a call of `update` costs more
 * than copying the few bytes of most fields. Lengths stand before contents, so that no two contents look alike.
 */
export class SlotHash {
  readonly #scratch = Buffer.allocUnsafeSlow(scratchBytes);
  #used = 0;
  #hash: Hash = createHash("sha256");

  /** Begins a slot on top of the hash of the slot before. */
  start(previous: Uint8Array, slot: number): void {
    this.#hash = createHash("sha256");
    this.#used = 0;
    this.bytes(previous);
    this.number(slot);
  }

  /** @param value a whole number from 0 to 2^53 - 1 */
  number(value: number): void {
    this.#reserve(8);
    this.#word(value / 2 ** 32);
    this.#word(value);
  }

  tag(byte: number): void {
    this.#reserve(1);
    this.#scratch[this.#used++] = byte;
  }

  bytes(bytes: Uint8Array): void {
    this.number(bytes.length);
    if (bytes.length > scratchBytes) {
      this.#flush();
      this.#hash.update(bytes);
      return;
    }
    this.#reserve(bytes.length);
    this.#scratch.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  text(text: string): void {
    if (text === "") this.number(0);
    else this.bytes(Buffer.from(text, "utf8"));
  }

  finish(): Uint8Array {
    this.#flush();
    return this.#hash.digest();
  }

  /** The lowest 32 bits of the whole part. */
  #word(value: number): void {
    const scratch = this.#scratch;
    scratch[this.#used++] = value >>> 24;
    scratch[this.#used++] = value >>> 16;
    scratch[this.#used++] = value >>> 8;
    scratch[this.#used++] = value;
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes > scratchBytes) this.#flush();
  }

  #flush(): void {
    if (this.#used > 0) this.#hash.update(this.#scratch.subarray(0, this.#used));
    this.#used = 0;
  }
}
