import { status as Code } from "@grpc/grpc-js";
import type { Command } from "@synod/core";
import type { Response, Scheduler } from "@synod/wire";
import type { Call } from "./call.js";
import type { CommandStream, ReplicaPort } from "./port.js";
import { statusName } from "./status.js";

/** The events of a lane, for its client. */
export interface LaneOwner {
  answered(lane: Lane, answers: readonly Response[]): void;
  /** The stream ended; these calls were on it, or about to be, and are no longer. */
  failed(lane: Lane, calls: readonly Call[]): void;
}

const firstBackoffMs = 50;
const maxBackoffMs = 1_000;
const maxMessageCommands = 256;
const maxMessageBytes = 1 << 20;
const noBytes = new Uint8Array();

/**
 * The way to one replica: one stream, opened when there is something to send, and opened again with growing pauses
 * after it failed. Commands that arrive in one turn of the event loop travel in one message.
 */
export class Lane {
  readonly port: ReplicaPort;
  readonly #owner: LaneOwner;
  readonly #scheduler: Scheduler;
  #stream: CommandStream | undefined;
  #writable = true;
  #backoffMs = 0;
  #reopenAt = 0;
  #cancelReopening: (() => void) | undefined;
  #flushing = false;
  #closed = false;
  readonly #unsent = new Set<Call>();
  /** With the number of attempts on the present stream that have no answer. */
  readonly #sent = new Map<Call, number>();
  /** Streams of their own, for calls of which one cannot be read. */
  readonly #single = new Map<Call, CommandStream>();
  /** When the replica last answered anything on this lane. */
  heardAt = 0;
  /** The reason why the last stream ended; empty after an answer. */
  trouble = "";
  /** The last stream found a replica of another cluster. */
  misdirected = false;

  constructor(port: ReplicaPort, owner: LaneOwner, scheduler: Scheduler) {
    this.port = port;
    this.#owner = owner;
    this.#scheduler = scheduler;
  }

  /** True while a failed connection waits before it is tried again. */
  get resting(): boolean {
    return this.#reopenAt > this.#scheduler.nowMs();
  }

  carry(call: Call): void {
    call.lanes.add(this);
    call.carriedAt = this.#scheduler.nowMs();
    this.#unsent.add(call);
    this.#flushSoon();
  }

  /** One attempt has an answer, be it that the command has none yet. */
  answered(call: Call): void {
    const left = (this.#sent.get(call) ?? 1) - 1;
    if (left > 0) this.#sent.set(call, left);
    else this.#sent.delete(call);
    this.#leaveAlone(call);
  }

  forget(call: Call): void {
    this.#endSingle(call);
    this.#unsent.delete(call);
    this.#sent.delete(call);
    call.lanes.delete(this);
  }

  /** Does not send it, if it has not been sent on the present stream. */
  withdraw(call: Call): void {
    this.#unsent.delete(call);
    this.#leaveAlone(call);
  }

  close(): void {
    this.#closed = true;
    this.#cancelReopening?.();
    for (const stream of this.#single.values()) stream.close();
    this.#stream?.close();
    this.#stream = undefined;
    this.port.close();
  }

  #leaveAlone(call: Call): void {
    if (this.#sent.has(call) || this.#unsent.has(call)) return;
    this.#endSingle(call);
    call.lanes.delete(this);
  }

  #endSingle(call: Call): void {
    this.#single.get(call)?.close();
    this.#single.delete(call);
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.#scheduler.soon(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#unsent.size === 0 || this.#closed) return;
    const restMs = this.#reopenAt - this.#scheduler.nowMs();
    if (restMs > 0) {
      this.#cancelReopening ??= this.#scheduler.after(restMs, () => {
        this.#cancelReopening = undefined;
        this.#flush();
      });
      return;
    }
    if (this.#stream === undefined) {
      this.#stream = this.#open();
      this.#writable = this.#stream.writable;
    }
    while (this.#writable && this.#stream !== undefined && this.#unsent.size > 0) {
      this.#writable = this.#write(this.#stream, this.#nextMessage());
    }
  }

  /** Takes out what goes in one message. */
  #nextMessage(): readonly Call[] {
    const calls: Call[] = [];
    let bytes = 0;
    for (const call of this.#unsent) {
      bytes += call.bytes;
      if (calls.length > 0 && (bytes > maxMessageBytes || calls.length >= maxMessageCommands)) break;
      calls.push(call);
      this.#unsent.delete(call);
    }
    return calls;
  }

  #open(): CommandStream {
    return this.port.openStream({
      answers: (answers) => {
        this.heardAt = this.#scheduler.nowMs();
        this.trouble = "";
        this.misdirected = false;
        this.#backoffMs = 0;
        this.#owner.answered(this, answers);
      },
      drained: () => {
        this.#writable = true;
        this.#flush();
      },
      ended: (code, reason, misdirected = false) => this.#ended(code, reason, misdirected),
    });
  }

  #ended(code: number, reason: string, misdirected: boolean): void {
    this.#stream = undefined;
    this.misdirected = misdirected;
    // Whoever refuses a stream for its cluster has read nothing of it.
    if (misdirected) for (const [call, attempts] of this.#sent) call.refusals += attempts;
    this.trouble = `${this.port.address}: ${statusName(code)}: ${reason}`;
    this.#backoffMs = Math.min(maxBackoffMs, this.#backoffMs === 0 ? firstBackoffMs : this.#backoffMs * 2);
    this.#reopenAt = this.#scheduler.nowMs() + this.#backoffMs;
    // One of those that were sent cannot be read there, and nobody knows which.
    const suspects = code === Code.INVALID_ARGUMENT ? [...this.#sent.keys()] : [];
    const calls = [...new Set([...this.#sent.keys(), ...this.#unsent])];
    for (const call of calls) {
      this.forget(call);
      call.news = this.trouble;
    }
    for (const call of suspects) this.#sendAlone(call);
    this.#owner.failed(
      this,
      calls.filter((call) => !suspects.includes(call)),
    );
  }

  /** Sends a call on a stream of its own, whose end is no other's. */
  #sendAlone(call: Call): void {
    call.lanes.add(this);
    call.carriedAt = this.#scheduler.nowMs();
    const stream: CommandStream = this.port.openStream({
      answers: (answers) => {
        this.#endSingle(call);
        this.#owner.answered(this, answers);
      },
      drained: () => this.#write(stream, [call]),
      ended: (code, reason) => {
        this.#single.delete(call);
        if (!call.lanes.has(this) || call.numbered === undefined) return;
        const { clientId, sequence } = call.numbered.command;
        const refusal = { clientId, sequence, status: code, message: reason, response: noBytes, slot: 0 };
        if (code === Code.INVALID_ARGUMENT)
          this.#owner.answered(this, [{ ...refusal, outcome: "not-executed" }]);
        else {
          this.forget(call);
          this.#owner.failed(this, [call]);
        }
      },
    });
    this.#single.set(call, stream);
    if (stream.writable) this.#write(stream, [call]);
  }

  #write(stream: CommandStream, calls: readonly Call[]): boolean {
    const now = this.#scheduler.nowMs();
    const commands: Command[] = [];
    for (const call of calls) {
      if (call.numbered === undefined) continue;
      commands.push(call.numbered.command);
      call.sends += 1;
      call.lastSentAt = now;
      call.sentTo.add(this.port.address);
      this.#sent.set(call, (this.#sent.get(call) ?? 0) + 1);
    }
    return commands.length === 0 || stream.send(commands);
  }
}
