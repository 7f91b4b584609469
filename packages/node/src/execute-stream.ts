import * as grpc from "@grpc/grpc-js";
import type { Command } from "@synod/core";
import { type Incoming, Invalid, type Response } from "@synod/wire";
import { longestWaitMs } from "./callers.js";
import type { Group, Requests } from "./requests.js";

export type ExecuteStreamCall = grpc.ServerDuplexStream<
  Incoming<readonly Command[]>,
  Incoming<readonly Response[]>
>;

export interface ExecuteStreamLimits {
  /** Commands of one stream that are not answered; beyond it the stream is not read. */
  readonly maxOutstanding: number;
  /** Answers that the client does not take, in bytes; beyond it the stream is ended. */
  readonly maxUnreadBytes: number;
}

export const executeStreamLimits: ExecuteStreamLimits = { maxOutstanding: 16_384, maxUnreadBytes: 64 << 20 };

/** One message of answers stays well below gRPC's limit; a single answer may have 1 MiB. */
const maxMessageBytes = 1 << 20;
const responseOverheadBytes = 64;

function bytesOf({ response, message, details }: Response): number {
  return response.length + message.length + (details?.length ?? 0) + responseOverheadBytes;
}

/** One client's stream: many commands outstanding, and the answers of one turn of the event loop in one message. */
export class ExecuteStream {
  readonly #call: ExecuteStreamCall;
  readonly #requests: Requests;
  readonly #limits: ExecuteStreamLimits;
  readonly #groups = new Set<Group>();
  #answers: Response[] = [];
  #answerBytes = 0;
  #outstanding = 0;
  #flushing = false;
  #blocked = false;
  #readAll = false;
  #ended = false;

  /** @param readable false while the replica cannot take more; the stream is read again when `whenReadable` calls back */
  constructor(
    call: ExecuteStreamCall,
    requests: Requests,
    readable: () => boolean,
    whenReadable: (callback: () => void) => void,
    onEnded: (stream: ExecuteStream) => void,
    limits: ExecuteStreamLimits = executeStreamLimits,
  ) {
    this.#call = call;
    this.#requests = requests;
    this.#limits = limits;
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
      if (readable()) return;
      call.pause();
      whenReadable(() => this.#read());
    });
    call.on("end", () => {
      this.#readAll = true;
      this.#endIfDone();
    });
    call.on("close", () => {
      this.#ended = true;
      for (const group of this.#groups) group.cancel();
      this.#groups.clear();
      onEnded(this);
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
    group = this.#requests.submit(commands, longestWaitMs, (_, response) => {
      this.#answer(response);
      if (--left === 0 && group) this.#groups.delete(group);
    });
    if (left > 0) this.#groups.add(group);
    if (this.#full) this.#call.pause();
  }

  get #full(): boolean {
    return this.#outstanding >= this.#limits.maxOutstanding;
  }

  #read(): void {
    if (!this.#ended && !this.#full) this.#call.resume();
  }

  #answer(response: Response): void {
    if (this.#ended) return;
    this.#answers.push(response);
    this.#answerBytes += bytesOf(response);
    if (this.#answerBytes > this.#limits.maxUnreadBytes) {
      this.#answers = [];
      this.end(
        grpc.status.RESOURCE_EXHAUSTED,
        `${this.#limits.maxUnreadBytes} bytes of answers wait to be read; read them, or ask for less at a time`,
      );
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
      this.#answerBytes -= bytes;
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
