import { Queue } from "@synod/core";
import { ran, type Scheduler, serviceLoop } from "@synod/wire";
import type { Repeat } from "./repeats.js";

/** The writing side of a gRPC stream: both clients' and servers' duplex streams are one. */
export interface WritableStream<M> {
  write(message: M, callback?: (error?: Error | null) => void): boolean;
  on(event: "drain", listener: () => void): unknown;
}

export interface OutboxOptions<M> {
  readonly stream: WritableStream<M>;
  /** Rough size of a message in bytes; what the bound counts. */
  bytesOf(message: M): number;
  /** The key of a message that may be sent again. Absent when there is none such. */
  repeatOf?(message: M): Repeat | undefined;
  /** Bounds of what waits here, beyond the few messages that the stream itself holds. */
  readonly maxMessages?: number;
  readonly maxBytes?: number;
  /** A request goes again this long after it has left, at the earliest. */
  readonly againMs?: number;
  /** A peer that takes no message for this long, while one waits, and says nothing either, is given up. */
  readonly stallMs?: number;
  readonly scheduler?: Scheduler | undefined;
  /** The peer was given up: the stream is to be ended. Called at most once. */
  onStalled(): void;
}

/**
 * A dead connection is found by its keepalive, long before it stalls. So long is for a peer that is there and reads nothing,
 * and long enough for the largest message over a slow link, of which nothing is to be seen before all of it has left. What
 * has left is behind up to a window of bytes, for which such a link takes as long as `againMs`.
 */
export const outboxDefaults = {
  maxMessages: 65_536,
  maxBytes: 64 << 20,
  againMs: 10_000,
  stallMs: 60_000,
} as const;

/** Requests that have left and are remembered: more than a leader has under way, as the window bounds (rule 10). */
const mostLeft = 4_096;

/** A message that waits. A later one of the same key takes its place. */
interface Waiting<M> {
  message: M;
  bytes: number;
  readonly repeat: Repeat | undefined;
}

/**
 * The messages that wait to leave on one stream. It writes while the stream drains, queues within bounds while it does not, and
 * drops what is beyond: every message of the protocol may be lost, and memory without end would lose the process. What is
 * sent again while an earlier copy has not left, or cannot have been answered, is that copy (rule 29).
 */
export class Outbox<M> {
  readonly #options: OutboxOptions<M>;
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  readonly #againMs: number;
  readonly #stallMs: number;
  readonly #scheduler: Scheduler;
  readonly #queue = new Queue<Waiting<M>>();
  /** Those in the queue that a later one may replace. */
  readonly #byKey = new Map<string, Waiting<M>>();
  /** Keys of the messages that the stream took and has not passed on. */
  readonly #leaving = new Set<string>();
  /** When requests left, in that order. */
  readonly #left = new Map<string, number>();
  #bytes = 0;
  #blocked = false;
  #closed = false;
  #dropped = 0;
  /** Messages that the stream took and has not passed on. */
  #inFlight = 0;
  /** The stream passed something on, or the peer said something, since that was last looked at. */
  #progress = false;
  #cancelWatch: (() => void) | undefined;

  constructor(options: OutboxOptions<M>) {
    this.#options = options;
    this.#maxMessages = options.maxMessages ?? outboxDefaults.maxMessages;
    this.#maxBytes = options.maxBytes ?? outboxDefaults.maxBytes;
    this.#againMs = options.againMs ?? outboxDefaults.againMs;
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

  /** Writes or queues a message, unless it waits already. False when it was dropped. */
  send(message: M): boolean {
    if (this.#closed) return false;
    const repeat = this.#options.repeatOf?.(message);
    if (repeat && this.#isUnderWay(repeat)) return true;
    if (!this.#blocked && this.waiting === 0) {
      this.#write(message, repeat);
      return true;
    }
    const bytes = this.#options.bytesOf(message);
    const earlier = repeat && this.#byKey.get(repeat.key);
    const more = bytes - (earlier?.bytes ?? 0);
    if ((!earlier && this.waiting >= this.#maxMessages) || this.#bytes + more > this.#maxBytes) {
      this.#dropped++;
      return false;
    }
    this.#bytes += more;
    if (earlier) {
      earlier.message = message;
      earlier.bytes = bytes;
    } else this.#enqueue({ message, bytes, repeat });
    return true;
  }

  /** The peer has said something: it is there, however slowly it takes what is sent. */
  heard(): void {
    this.#progress = true;
  }

  /** Nothing is written any more, and nothing waits. */
  close(): void {
    this.#closed = true;
    this.#queue.takeAll();
    this.#byKey.clear();
    this.#leaving.clear();
    this.#left.clear();
    this.#bytes = 0;
    this.#stopWatch();
  }

  #enqueue(waiting: Waiting<M>): void {
    this.#queue.push(waiting);
    if (waiting.repeat) this.#byKey.set(waiting.repeat.key, waiting);
  }

  #flush(): void {
    while (!this.#blocked && !this.#closed && this.waiting > 0) {
      const { message, bytes, repeat } = this.#queue.shift() as Waiting<M>;
      if (repeat) this.#byKey.delete(repeat.key);
      this.#bytes -= bytes;
      this.#write(message, repeat);
    }
  }

  #write(message: M, repeat: Repeat | undefined): void {
    this.#inFlight++;
    if (repeat && repeat.kind !== "news") this.#leaving.add(repeat.key);
    if (!this.#cancelWatch) this.#watch();
    const more = this.#options.stream.write(message, () => this.#written(repeat));
    if (!more) this.#blocked = true;
  }

  #written(repeat: Repeat | undefined): void {
    this.#inFlight--;
    if (this.#closed) return;
    if (repeat) this.#leaving.delete(repeat.key);
    if (repeat?.kind === "request") this.#note(repeat.key);
    this.#progress = true;
    if (this.#inFlight === 0 && this.waiting === 0) this.#stopWatch();
  }

  #isUnderWay({ key, kind }: Repeat): boolean {
    if (kind === "news") return false;
    const leftAt = this.#left.get(key);
    return (
      this.#leaving.has(key) || (leftAt !== undefined && this.#scheduler.nowMs() - leftAt < this.#againMs)
    );
  }

  /** A request has left. Those are forgotten that may go again, and the oldest when they are too many. */
  #note(key: string): void {
    const now = this.#scheduler.nowMs();
    this.#left.delete(key);
    this.#left.set(key, now);
    for (const [oldest, leftAt] of this.#left) {
      if (now - leftAt < this.#againMs && this.#left.size <= mostLeft) return;
      this.#left.delete(oldest);
    }
  }

  #watch(): void {
    this.#progress = false;
    const again = () => {
      if (!this.#progress) return false;
      this.#progress = false;
      return true;
    };
    this.#cancelWatch = ran(this.#scheduler, this.#stallMs, again, () => {
      this.close();
      this.#options.onStalled();
    });
  }

  #stopWatch(): void {
    this.#cancelWatch?.();
    this.#cancelWatch = undefined;
  }
}
