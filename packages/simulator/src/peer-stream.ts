import { EventEmitter } from "node:events";
import type { StreamStatus } from "@synod/node/parts";
import type { Method } from "@synod/wire";
import type { SimulatedNode } from "./node.js";

export interface PeerStreamOptions {
  readonly from: SimulatedNode;
  readonly to: SimulatedNode;
  readonly method: Method<unknown, unknown>;
  readonly now: () => number;
  /** Bytes that leave in a tick, in each direction; 0 for any number. */
  readonly bandwidth: number;
  /** Ticks that the next bytes take, at least 1. */
  readonly delay: (sender: SimulatedNode, receiver: SimulatedNode) => number;
  readonly arrived: (
    sender: SimulatedNode,
    receiver: SimulatedNode,
    bytes: Uint8Array,
    message: unknown,
  ) => void;
}

/** Bytes under way to a receiver that does not read, at most. */
const windowBytes = 65_536;

/** Bytes that a stream takes in before it asks to wait, as Node's streams do. */
const highWaterBytes = 16_384;

/** One stream as gRPC has it: in order, whole, slow, and ended for both sides at last. */
export class PeerStream {
  readonly from: SimulatedNode;
  readonly to: SimulatedNode;
  readonly dialer: StreamEnd;
  readonly #dialed: StreamEnd;
  readonly #fromLife: number;
  #toLife: number | undefined;
  readonly #there: Direction;
  readonly #back: Direction;
  /** The last tick in which both sides could hear each other, or in which the stream was opened. */
  heardAt: number;
  ended = false;
  /** The dialer's side has ended, and the other does not know. */
  halfOpen = false;

  constructor(options: PeerStreamOptions) {
    const { from, to, method, now, arrived } = options;
    this.from = from;
    this.to = to;
    this.#fromLife = from.life;
    this.heardAt = now();
    const there = () => options.delay(from, to);
    const back = () => options.delay(to, from);
    this.#there = new Direction(options, there, method.requestSerialize, (bytes) => {
      const message = method.requestDeserialize(Buffer.from(bytes));
      arrived(from, to, bytes, message);
      this.#dialed.emit("data", message);
    });
    this.#back = new Direction(options, back, method.responseSerialize, (bytes) => {
      const message = method.responseDeserialize(Buffer.from(bytes));
      arrived(to, from, bytes, message);
      this.dialer.emit("data", message);
    });
    this.dialer = new StreamEnd(from.peer.id, this.#there, this.#back, () => this.#cancel());
    this.#dialed = new StreamEnd(from.peer.id, this.#back, this.#there, () => {});
    // gRPC ends the stream of a server that reports an error, once what was written before has left.
    this.#dialed.on("error", (status: StreamStatus) => this.#back.finish(status));
  }

  get served(): boolean {
    return this.#toLife !== undefined;
  }

  get dialerLives(): boolean {
    return this.from.up && this.from.life === this.#fromLife;
  }

  get dialedLives(): boolean {
    return this.#toLife === undefined || (this.to.up && this.to.life === this.#toLife);
  }

  /** The process that was dialed hears of the stream. */
  serve(): void {
    this.#toLife = this.to.life;
    this.to.serve(this.#dialed);
  }

  /** @param open directions in which bytes pass now */
  move(open: { readonly there: boolean; readonly back: boolean }): void {
    if (this.halfOpen) {
      this.#back.leave();
      if (this.#back.finished) this.break(this.#back.finished);
      return;
    }
    if (open.there && this.served && this.dialedLives && !this.to.paused) this.#there.move();
    this.#there.leave();
    if (this.#there.over && !this.#there.told) {
      this.#there.told = true;
      if (this.dialedLives) this.#dialed.emit("end");
    }
    if (!this.ended && open.back && this.dialerLives && !this.from.paused) this.#back.move();
    this.#back.leave();
    const { over } = this.#back;
    if (over) this.break(over);
  }

  /** Ends it at both sides that live; the dialer hears the status. */
  break(status: StreamStatus): void {
    if (this.ended) return;
    this.ended = true;
    if (this.served && this.dialedLives) this.#dialed.emit("close");
    if (this.dialerLives && !this.halfOpen) this.dialer.emit("status", status);
  }

  /** Ends it at the dialer alone: what would tell the other side was lost, and keepalive finds it out. */
  breakHalf(status: StreamStatus): void {
    this.halfOpen = this.served && this.dialedLives;
    if (!this.halfOpen) this.break(status);
    else if (this.dialerLives) this.dialer.emit("status", status);
  }

  /** Nobody is left to hear of its end. */
  forget(): void {
    this.ended = true;
  }

  /** The dialer wants no more of it. */
  #cancel(): void {
    if (this.ended || this.halfOpen) return;
    this.ended = true;
    if (this.served && this.dialedLives) this.#dialed.emit("close");
  }
}

/** One side of a stream, as a process sees it. */
class StreamEnd extends EventEmitter {
  readonly #peer: string;
  readonly #out: Direction;
  readonly #in: Direction;
  readonly #cancel: () => void;

  constructor(peer: string, out: Direction, incoming: Direction, cancel: () => void) {
    super();
    this.#peer = peer;
    this.#out = out;
    this.#in = incoming;
    this.#cancel = cancel;
    out.onDrain = () => this.emit("drain");
  }

  write(message: unknown, written?: () => void): boolean {
    return this.#out.write(message, written);
  }

  end(): void {
    this.#out.finish({ code: 0, details: "" });
  }

  cancel(): void {
    this.#cancel();
  }

  pause(): void {
    this.#in.paused = true;
  }

  resume(): void {
    this.#in.paused = false;
  }

  getPeer(): string {
    return this.#peer;
  }
}

interface Chunk {
  readonly bytes: Uint8Array;
  readonly written: (() => void) | undefined;
  /** The ticks in which its last byte leaves and arrives. */
  readonly leavesAt: number;
  readonly arrivesAt: number;
}

/** One direction of a stream, with the messages under way in it. */
class Direction {
  readonly #options: PeerStreamOptions;
  readonly #delay: () => number;
  readonly #serialize: (message: never) => Buffer;
  readonly #deliver: (bytes: Uint8Array) => void;
  readonly #waiting: Chunk[] = [];
  readonly #travelling: Chunk[] = [];
  #waitingBytes = 0;
  #travellingBytes = 0;
  #full = false;
  #freeAt = 0;
  #lastArrival = 0;
  #finished: StreamStatus | undefined;
  onDrain: () => void = () => {};
  /** The receiver reads no more for now. */
  paused = false;
  /** The receiver was told of the end. */
  told = false;

  constructor(
    options: PeerStreamOptions,
    delay: () => number,
    serialize: (message: never) => Buffer,
    deliver: (bytes: Uint8Array) => void,
  ) {
    this.#options = options;
    this.#delay = delay;
    this.#serialize = serialize;
    this.#deliver = deliver;
  }

  write(message: unknown, written: (() => void) | undefined): boolean {
    if (this.#finished) return false;
    const { now, bandwidth } = this.#options;
    const bytes = this.#serialize(message as never);
    this.#freeAt = Math.max(now(), this.#freeAt) + (bandwidth > 0 ? bytes.length / bandwidth : 0);
    const leavesAt = this.#freeAt;
    this.#lastArrival = Math.max(this.#lastArrival, Math.ceil(leavesAt) + this.#delay());
    this.#waiting.push({ bytes, written, leavesAt, arrivesAt: this.#lastArrival });
    this.#waitingBytes += bytes.length;
    this.#full ||= this.#waitingBytes >= highWaterBytes;
    return !this.#full;
  }

  /** Nothing more is written; the receiver hears it after all that was. */
  finish(status: StreamStatus): void {
    this.#finished ??= status;
  }

  /** The status with which it is to end, when its sender wants that. */
  get finished(): StreamStatus | undefined {
    return this.#finished;
  }

  /** The status with which it ended, once all that was written has arrived. */
  get over(): StreamStatus | undefined {
    return this.#waiting.length + this.#travelling.length === 0 ? this.#finished : undefined;
  }

  /** Messages that the network has taken by now leave the sender. */
  leave(): void {
    const now = this.#options.now();
    for (
      let next = this.#waiting[0];
      next && next.leavesAt <= now && this.#travellingBytes < windowBytes;
      next = this.#waiting[0]
    ) {
      this.#waiting.shift();
      this.#travelling.push(next);
      this.#waitingBytes -= next.bytes.length;
      this.#travellingBytes += next.bytes.length;
      next.written?.();
    }
    if (!this.#full || this.#waitingBytes >= highWaterBytes) return;
    this.#full = false;
    this.onDrain();
  }

  /** Messages that are due arrive. */
  move(): void {
    const now = this.#options.now();
    for (
      let next = this.#travelling[0];
      next && next.arrivesAt <= now && !this.paused;
      next = this.#travelling[0]
    ) {
      this.#travelling.shift();
      this.#travellingBytes -= next.bytes.length;
      this.#deliver(next.bytes);
    }
  }
}
