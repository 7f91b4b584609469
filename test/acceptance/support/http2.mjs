// gRPC messages out of the bytes of one direction of an HTTP/2 connection. Headers are not read: who needs to know what a
// stream is for tells by its first message.

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
const frameHeaderBytes = 9;
const dataFrame = 0;
const paddedFlag = 0x08;
const messageHeaderBytes = 5;

/** @typedef {{ stream: number, message: Buffer, moment: number }} GrpcMessage */

export class GrpcDirection {
  #bytes = Buffer.alloc(0);
  /** At which moments the bytes came that are not yet taken apart. @type {{ moment: number, bytes: number }[]} */
  #arrivals = [];
  #client;
  /** What there is of the next message, by stream, and the moment of its first byte. @type {Map<number, { bytes: Buffer, moment: number }>} */
  #begun = new Map();

  /** @param {{ client: boolean }} from whether these are the bytes of the side that connected */
  constructor({ client }) {
    this.#client = client;
  }

  /** Whether a connection's first bytes are those of an HTTP/2 client. @param {Buffer} bytes */
  static opens(bytes) {
    return bytes.subarray(0, preface.length).equals(preface.subarray(0, bytes.length));
  }

  /**
   * The messages that these bytes complete. The moment of a message is that of the first byte of the first frame with a
   * part of it: what a frame holds was handed over before its head was made.
   * @param {Buffer} bytes @param {number} moment when they came
   */
  take(bytes, moment) {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    this.#arrivals.push({ moment, bytes: bytes.length });
    /** @type {GrpcMessage[]} */
    const messages = [];
    if (this.#client) {
      if (this.#bytes.length < preface.length) return messages;
      this.#remove(preface.length);
      this.#client = false;
    }
    while (this.#bytes.length >= frameHeaderBytes) {
      const end = frameHeaderBytes + this.#bytes.readUIntBE(0, 3);
      if (this.#bytes.length < end) break;
      const [kind, flags] = [this.#bytes[3], this.#bytes[4] ?? 0];
      const stream = this.#bytes.readUInt32BE(5) & 0x7fff_ffff;
      let payload = this.#bytes.subarray(frameHeaderBytes, end);
      const began = this.#remove(end);
      if (kind !== dataFrame) continue;
      if (flags & paddedFlag) payload = payload.subarray(1, payload.length - (payload[0] ?? 0));
      messages.push(...this.#data(stream, payload, began));
    }
    return messages;
  }

  /** Removes bytes at the front, and tells when the first of them came. @param {number} count */
  #remove(count) {
    const began = this.#arrivals[0]?.moment ?? 0;
    this.#bytes = this.#bytes.subarray(count);
    for (let left = count; left > 0; ) {
      const first = this.#arrivals[0];
      if (!first) break;
      const taken = Math.min(left, first.bytes);
      first.bytes -= taken;
      left -= taken;
      if (first.bytes === 0) this.#arrivals.shift();
    }
    return began;
  }

  /** @param {number} stream @param {Buffer} payload @param {number} began @returns {Iterable<GrpcMessage>} */
  *#data(stream, payload, began) {
    const begun = this.#begun.get(stream);
    let rest = begun ? Buffer.concat([begun.bytes, payload]) : payload;
    let moment = begun?.moment ?? began;
    for (;;) {
      const end = rest.length < messageHeaderBytes ? Infinity : messageHeaderBytes + rest.readUInt32BE(1);
      if (rest.length < end) break;
      if (rest[0] !== 0) throw new Error("a compressed message in the trace; expected none");
      yield { stream, message: rest.subarray(messageHeaderBytes, end), moment };
      rest = rest.subarray(end);
      moment = began;
    }
    if (rest.length === 0) this.#begun.delete(stream);
    else this.#begun.set(stream, { bytes: rest, moment });
  }
}
