import { maxMessageBytes } from "./channel.js";

/** A message begins with a byte that says whether it is compressed, and its length. */
const headerBytes = 5;

/** Counts what the requests of a call take that are not with its handler. */
export class RequestBytes {
  readonly #many: boolean;
  readonly #header = Buffer.alloc(headerBytes);
  /** The bytes of the message that are here, its header included. */
  #here = 0;
  /** Of a single request the bytes that are here as a whole. */
  #whole = 0;

  /** @param many each request goes to the handler as soon as it is whole; a single one only when the caller has ended */
  constructor(many: boolean) {
    this.#many = many;
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
    return this.#here + this.#whole;
  }

  #ends(): void {
    // One that is compressed becomes as long as a message may be.
    if (!this.#many) this.#whole += this.#header[0] === 0 ? this.#here : maxMessageBytes;
    this.#here = 0;
  }

  get #length(): number {
    return this.#header.readUInt32BE(1);
  }
}
