import * as grpc from "@grpc/grpc-js";
import type { Command } from "@synod/core";
import { type Incoming, Invalid, type Response } from "@synod/wire";
import { longestWaitMs } from "../../transport/callers.js";
import type { Requests } from "./requests.js";
import type { Group } from "./waiter.js";

export type ExecuteStreamCall = grpc.ServerDuplexStream<
  Incoming<readonly Command[]>,
  Incoming<readonly Response[]>
>;

export interface ExecuteStreamLimits {
  /** Commands of one stream that are not answered; beyond it the stream is not read. */
  readonly maxOutstanding: number;
  /** Answers that the client does not take, in bytes; beyond it the stream is ended. */
  readonly maxUnreadBytes: number;
  /** Bytes of such answers of all streams together: the stream that goes beyond it is ended. */
  readonly maxUnreadBytesOfAll: number;
}

export const executeStreamLimits: ExecuteStreamLimits = {
  maxOutstanding: 16_384,
  maxUnreadBytes: 64 << 20,
  maxUnreadBytesOfAll: 256 << 20,
};

export interface ExecuteStreamOptions {
  readonly requests: Requests;
  /** False while the replica cannot take more; `whenReadable` calls back when it can. */
  readable(): boolean;
  whenReadable(callback: () => void): void;
  onEnded(stream: ExecuteStream): void;
  /** Bytes of answers that wait in all streams of the replica: an object they share. */
  readonly unread: { bytes: number };
  readonly limits?: ExecuteStreamLimits;
}

/** One message of answers stays well below gRPC's limit; a single answer may have 1 MiB. */
const maxMessageBytes = 1 << 20;
const responseOverheadBytes = 64;

function bytesOf({ response, message, details }: Response): number {
  return response.length + message.length + (details?.length ?? 0) + responseOverheadBytes;
}

/** One client's stream: many commands outstanding, and the answers of one turn of the event loop in one message. */
export class ExecuteStream {
  readonly #call: ExecuteStreamCall;
  readonly #options: ExecuteStreamOptions;
  readonly #limits: ExecuteStreamLimits;
  readonly #groups = new Set<Group>();
  #answers: Response[] = [];
  #answerBytes = 0;
  #outstanding = 0;
  #flushing = false;
  #blocked = false;
  #awaitsReplica = false;
  #readAll = false;
  #ended = false;

  constructor(call: ExecuteStreamCall, options: ExecuteStreamOptions) {
    this.#call = call;
    this.#options = options;
    this.#limits = options.limits ?? executeStreamLimits;
    call.on("error", () => {});
    call.on("drain", () => {
      this.#blocked = false;
      this.#flush();
    });
    call.on("data", (commands: Incoming<readonly Command[]>) => {
      if (this.#ended) return;
      if (commands instanceof Invalid) {
        this.end(commands.error.code, commands.error.message);
        return;
      }
      this.#take(commands);
      if (this.#full) call.pause();
      else if (!options.readable()) this.#read();
    });
    call.on("end", () => {
      this.#readAll = true;
      this.#endIfDone();
    });
    call.on("close", () => {
      this.#ended = true;
      this.#dropAnswers();
      for (const group of this.#groups) group.cancel();
      this.#groups.clear();
      options.onEnded(this);
    });
  }

  /** Ends the stream with a status, after the answers that are there. */
  end(code: grpc.status, details: string): void {
    if (this.#ended) return;
    this.#blocked = false;
    this.#flush();
    this.#ended = true;
    this.#call.emit("error", { code, details });
  }

  #take(commands: readonly Command[]): void {
    if (commands.length === 0) return;
    this.#outstanding += commands.length;
    let left = commands.length;
    let group: Group | undefined;
    group = this.#options.requests.submit(commands, longestWaitMs, (_, response) => {
      this.#answer(response);
      if (--left === 0 && group) this.#groups.delete(group);
    });
    if (left > 0) this.#groups.add(group);
  }

  get #full(): boolean {
    return this.#outstanding >= this.#limits.maxOutstanding;
  }

  /** Goes on reading, unless too much is outstanding, or the replica cannot take more: then as soon as it can. */
  #read(): void {
    if (this.#ended || this.#full || this.#awaitsReplica) return;
    if (this.#options.readable()) {
      this.#call.resume();
      return;
    }
    this.#call.pause();
    this.#awaitsReplica = true;
    this.#options.whenReadable(() => {
      this.#awaitsReplica = false;
      this.#read();
    });
  }

  #answer(response: Response): void {
    if (this.#ended) return;
    this.#answers.push(response);
    this.#countUnread(bytesOf(response));
    const excess = this.#excess;
    if (excess !== undefined) {
      this.#dropAnswers();
      this.end(grpc.status.RESOURCE_EXHAUSTED, excess);
      return;
    }
    if (this.#flushing) return;
    this.#flushing = true;
    // After the whole turn of the driver: everything one slot or more has answered goes together.
    process.nextTick(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  /** The reason why no more answers can be kept for a client that does not read them. */
  get #excess(): string | undefined {
    const { maxUnreadBytes, maxUnreadBytesOfAll } = this.#limits;
    if (this.#answerBytes > maxUnreadBytes)
      return `more than ${maxUnreadBytes} bytes of answers wait to be read; read them, or ask for less at a time`;
    // Whoever reads has little waiting, and is not the one to pay.
    if (this.#options.unread.bytes > maxUnreadBytesOfAll && this.#answerBytes > maxMessageBytes)
      return `more than ${maxUnreadBytesOfAll} bytes of answers wait to be read by the clients of this replica, ${this.#answerBytes} of them by this one; read them, or ask for less at a time`;
    return undefined;
  }

  #countUnread(bytes: number): void {
    this.#answerBytes += bytes;
    this.#options.unread.bytes += bytes;
  }

  #dropAnswers(): void {
    this.#answers = [];
    this.#countUnread(-this.#answerBytes);
  }

  #flush(): void {
    if (this.#ended) return;
    let from = 0;
    while (from < this.#answers.length && !this.#blocked) {
      let bytes = 0;
      let until = from;
      while (until < this.#answers.length && (until === from || bytes < maxMessageBytes)) {
        bytes += bytesOf(this.#answers[until++] as Response);
      }
      this.#outstanding -= until - from;
      this.#countUnread(-bytes);
      this.#blocked = !this.#call.write(this.#answers.slice(from, until));
      from = until;
    }
    this.#answers = from === this.#answers.length ? [] : this.#answers.slice(from);
    this.#read();
    this.#endIfDone();
  }

  /** The client has sent everything, and got everything. */
  #endIfDone(): void {
    if (!this.#readAll || this.#outstanding > 0 || this.#ended) return;
    this.#ended = true;
    this.#call.end();
  }
}
