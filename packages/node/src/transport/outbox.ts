import { Queue } from "@synod/core";
import { type Scheduler, serviceLoop } from "@synod/wire";

/** The writing side of a gRPC stream: both clients' and servers' duplex streams are one. */
export interface WritableStream<M> {
  write(message: M, callback?: (error?: Error | null) => void): boolean;
  on(event: "drain", listener: () => void): unknown;
}

export interface OutboxOptions<M> {
  readonly stream: WritableStream<M>;
  /** Rough size of a message in bytes; what the bound counts. */
  bytesOf(message: M): number;
  /** Bounds of what waits here, beyond the few messages that the stream itself holds. */
  readonly maxMessages?: number;
  readonly maxBytes?: number;
  /** A peer that takes nothing for this long, while something waits, is given up. */
  readonly stallMs?: number;
  readonly scheduler?: Scheduler | undefined;
  /** The peer was given up: the stream is to be ended. Called at most once. */
  onStalled(): void;
}

export const outboxDefaults = { maxMessages: 65_536, maxBytes: 64 << 20, stallMs: 5_000 } as const;

/**
 * The messages that wait to leave on one stream. It writes while the stream drains, queues within bounds while it does not, and
 * drops what is beyond: every message of the protocol may be lost, and memory without end would lose the process.
 */
export class Outbox<M> {
  readonly #options: OutboxOptions<M>;
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  readonly #stallMs: number;
  readonly #scheduler: Scheduler;
  readonly #queue = new Queue<M>();
  #bytes = 0;
  #blocked = false;
  #closed = false;
  #dropped = 0;
  /** Messages that the stream took and has not passed on. */
  #inFlight = 0;
  /** When the stream last passed something on, or something began to wait for it. */
  #progressAt = 0;
  #cancelWatch: (() => void) | undefined;

  constructor(options: OutboxOptions<M>) {
    this.#options = options;
    this.#maxMessages = options.maxMessages ?? outboxDefaults.maxMessages;
    this.#maxBytes = options.maxBytes ?? outboxDefaults.maxBytes;
    this.#stallMs = options.stallMs ?? outboxDefaults.stallMs;
    this.#scheduler = options.scheduler ?? serviceLoop;
    options.stream.on("drain", () => {
      this.#blocked = false;
      this.#flush();
    });
  }

  /** The number of messages dropped because the peer did not drain. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Messages that wait here; those inside the stream do not count. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Writes or queues a message. False when it was dropped. */
  send(message: M): boolean {
    if (this.#closed) return false;
    if (!this.#blocked && this.waiting === 0) {
      this.#write(message);
      return true;
    }
    const bytes = this.#options.bytesOf(message);
    if (this.waiting >= this.#maxMessages || this.#bytes + bytes > this.#maxBytes) {
      this.#dropped++;
      return false;
    }
    this.#queue.push(message);
    this.#bytes += bytes;
    return true;
  }

  /** Nothing is written any more, and nothing waits. */
  close(): void {
    this.#closed = true;
    this.#queue.takeAll();
    this.#bytes = 0;
    this.#stopWatch();
  }

  #flush(): void {
    while (!this.#blocked && !this.#closed && this.waiting > 0) {
      const message = this.#queue.shift() as M;
      this.#bytes -= this.#options.bytesOf(message);
      this.#write(message);
    }
  }

  #write(message: M): void {
    this.#inFlight++;
    if (!this.#cancelWatch) {
      this.#progressAt = this.#scheduler.nowMs();
      this.#watch(this.#stallMs);
    }
    const more = this.#options.stream.write(message, () => this.#written());
    if (!more) this.#blocked = true;
  }

  #written(): void {
    this.#inFlight--;
    if (this.#closed) return;
    this.#progressAt = this.#scheduler.nowMs();
    if (this.#inFlight === 0 && this.waiting === 0) this.#stopWatch();
  }

  /** Looks again after so many milliseconds, while something is under way. */
  #watch(ms: number): void {
    this.#cancelWatch = this.#scheduler.after(ms, () => {
      const left = this.#progressAt + this.#stallMs - this.#scheduler.nowMs();
      if (left > 0) {
        this.#watch(left);
        return;
      }
      this.close();
      this.#options.onStalled();
    });
  }

  #stopWatch(): void {
    this.#cancelWatch?.();
    this.#cancelWatch = undefined;
  }
}
