import { type AcceptorRecord, type Message, type Peer, pvalueBytes, Queue } from "@synod/core";
import { messageBytes } from "./transport/message-bytes.js";

export interface HeldMessage {
  readonly to: Peer;
  readonly message: Message;
  /** The number of records that must be on disk before it may leave. */
  readonly after: number;
}

/** What waits for the disk: records that are not known to be on it, and the messages that rest on them (rule 3). */
export class AwaitedDisk {
  readonly #held = new Queue<HeldMessage>();
  /** Bytes of the records that are not known to be on disk, oldest first. */
  readonly #unsaved = new Queue<number>();
  readonly #mostHeld: number;
  #bytes = 0;
  #written = 0;
  #durable = 0;

  /** @param mostHeld messages beyond so many are lost, as every message may be: their senders ask again */
  constructor(mostHeld: number) {
    this.#mostHeld = mostHeld;
  }

  /** Records written, in all. */
  get written(): number {
    return this.#written;
  }

  /** Everything that was written is on disk. */
  get nothing(): boolean {
    return this.#written === this.#durable;
  }

  /** Of records and messages, roughly, as they are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  wrote(record: AcceptorRecord): void {
    const bytes = recordBytes(record);
    this.#unsaved.push(bytes);
    this.#bytes += bytes;
    this.#written++;
  }

  /** Keeps a message until everything that was written before it is on disk. */
  hold(to: Peer, message: Message): void {
    if (this.#held.length >= this.#mostHeld) return;
    this.#held.push({ to, message, after: this.#written });
    this.#bytes += messageBytes(message);
  }

  /** So many records, in all, are on disk. */
  reached(records: number): void {
    for (; this.#durable < records; this.#durable++) this.#bytes -= this.#unsaved.shift() ?? 0;
  }

  /** The next message that may leave, which is kept no longer. */
  take(): HeldMessage | undefined {
    const next = this.#held.first;
    if (!next || next.after > this.#durable) return undefined;
    this.#bytes -= messageBytes(next.message);
    return this.#held.shift();
  }

  /** No message leaves any more. */
  drop(): void {
    this.#held.takeAll();
  }
}

function recordBytes(record: AcceptorRecord): number {
  return record.kind === "accept" ? pvalueBytes(record.pvalue) : 256;
}
