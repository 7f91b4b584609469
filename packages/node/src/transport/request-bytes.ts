import { maxMessageBytes } from "./channel.js";

/** A message begins with a byte that says whether it is compressed, and its length. */
const headerBytes = 5;

/** Counts what the requests of a call take that are not with its handler. */
export class RequestBytes {
  readonly #header = Buffer.alloc(headerBytes);
  /** The bytes of the message that are here, its header included. */
  #here = 0;
  /** The bytes of each request that is here as a whole. */
  readonly #whole: number[] = [];
  #wholeBytes = 0;

  /** The handler has taken one of many. It gets a single one when the caller has ended. Gives the bytes that are held then. */
  taken(): number {
    this.#wholeBytes -= this.#whole.shift() ?? 0;
    return this.#held;
  }

  /** Takes in what comes next, and gives the bytes that are held then. */
  take(data: Buffer): number {
    for (let at = 0; at < data.length; ) {
      const inHeader = this.#here < headerBytes;
      const until = inHeader ? headerBytes : headerBytes + this.#length;
      const next = data.subarray(at, at + until - this.#here);
      if (inHeader) next.copy(this.#header, this.#here);
      this.#here += next.length;
      at += next.length;
      if (this.#here >= headerBytes && this.#here === headerBytes + this.#length) this.#ends();
    }
    return this.#held;
  }

  #ends(): void {
    // One that is compressed becomes as long as a message may be.
    const bytes = this.#header[0] === 0 ? this.#here : maxMessageBytes;
    this.#whole.push(bytes);
    this.#wholeBytes += bytes;
    this.#here = 0;
  }

  get #held(): number {
    return this.#here + this.#wholeBytes;
  }

  get #length(): number {
    return this.#header.readUInt32BE(1);
  }
}
