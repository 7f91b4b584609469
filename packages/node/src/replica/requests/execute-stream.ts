import * as grpc from "@grpc/grpc-js";
import type { Command } from "@synod/core";
import {
  type Incoming,
  Invalid,
  type Requested,
  type Response,
  type Scheduler,
  serviceLoop,
  Unreadable,
} from "@synod/wire";
import { waitWithoutDeadlineMs } from "../../transport/callers.js";
import type { Caller, Places } from "../../transport/places.js";
import type { Requests } from "./requests.js";
import { refusedHere } from "./unanswered.js";
import { UnreadAnswers } from "./unread-answers.js";
import type { Group } from "./waiter.js";

export type ExecuteStreamCall = grpc.ServerDuplexStream<
  Incoming<readonly Requested[]>,
  Incoming<readonly Response[]>
>;

export interface ExecuteStreamLimits {
  /** Commands of one stream that are not answered; beyond it the stream is not read. */
  readonly maxOutstanding: number;
  /** Answers that the client does not take, in bytes; beyond it the client is told to ask again. */
  readonly maxUnreadBytes: number;
  /** A client that takes no answer for so long, while some wait, is done with. */
  readonly maxUnreadMs: number;
}

export const executeStreamLimits: ExecuteStreamLimits = {
  maxOutstanding: 1_024,
  maxUnreadBytes: 64 << 20,
  maxUnreadMs: 10_000,
};

export interface ExecuteStreamOptions {
  readonly requests: Requests;
  /** False while the replica cannot take more; `whenReadable` calls back when it can. */
  readable(): boolean;
  whenReadable(callback: () => void): void;
  onEnded(stream: ExecuteStream): void;
  /** Shared by all streams of the replica. */
  readonly unread: Places;
  readonly limits?: ExecuteStreamLimits;
  readonly scheduler?: Scheduler | undefined;
}

/** Looks at whether a client takes its answers, while it is waited for. A standstill of this process counts as one. */
const unreadLooks = 10;

/**
 * One client's stream: many commands outstanding, and the answers of one turn of the event loop in one message. What is wrong with
 * one command is that command's answer; the stream goes on for the others.
 */
export class ExecuteStream {
  readonly #call: ExecuteStreamCall;
  readonly #caller: Caller;
  readonly #options: ExecuteStreamOptions;
  readonly #limits: ExecuteStreamLimits;
  readonly #groups = new Set<Group>();
  readonly #answers: UnreadAnswers;
  #cancelLooks: (() => void) | undefined;
  #outstanding = 0;
  #flushing = false;
  #blocked = false;
  #awaitsReplica = false;
  #readAll = false;
  #ended = false;

  constructor(call: ExecuteStreamCall, options: ExecuteStreamOptions) {
    this.#call = call;
    this.#caller = call.getPeer();
    this.#options = options;
    this.#limits = options.limits ?? executeStreamLimits;
    const { maxUnreadBytes: maxBytes } = this.#limits;
    this.#answers = new UnreadAnswers({ caller: this.#caller, maxBytes, places: options.unread });
    call.on("error", () => {});
    call.on("drain", () => {
      this.#unblock();
      this.#flush();
    });
    call.on("data", (requests: Incoming<readonly Requested[]>) => {
      if (this.#ended) return;
      if (requests instanceof Invalid) {
        // Nobody can tell whose the commands in it are, or how many.
        this.end(requests.error.code, requests.error.message);
        return;
      }
      this.#refuseUnreadable(requests);
      this.#take(requests.filter((each) => !(each instanceof Unreadable)) as Command[]);
      if (this.#full) call.pause();
      else if (!options.readable()) this.#read();
    });
    call.on("end", () => {
      this.#readAll = true;
      this.#endIfDone();
    });
    call.on("close", () => {
      this.#ended = true;
      this.#cancelLooks?.();
      this.#answers.drop();
      for (const group of this.#groups) group.cancel();
      this.#groups.clear();
      options.onEnded(this);
    });
  }

  /** Ends the stream with a status, after the answers that are there. */
  end(code: grpc.status, details: string): void {
    if (this.#ended) return;
    this.#unblock();
    this.#flush();
    this.#cancelLooks?.();
    this.#ended = true;
    this.#call.emit("error", { code, details });
  }

  #refuseUnreadable(requests: readonly Requested[]): void {
    for (const request of requests) {
      if (!(request instanceof Unreadable)) continue;
      this.#outstanding++;
      this.#answer(refusedHere(request, request.error.code, request.error.message));
    }
  }

  #take(commands: readonly Command[]): void {
    if (commands.length === 0) return;
    this.#outstanding += commands.length;
    let left = commands.length;
    let group: Group | undefined;
    group = this.#options.requests.submit(commands, this.#caller, waitWithoutDeadlineMs, (_, response) => {
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
    this.#answers.add(response);
    if (this.#flushing) return;
    this.#flushing = true;
    // After the whole turn of the driver: everything one slot or more has answered goes together.
    process.nextTick(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  /** The client takes nothing for now; one that goes on so is done with. */
  #block(): void {
    this.#blocked = true;
    const { scheduler = serviceLoop } = this.#options;
    let looks = 0;
    this.#cancelLooks = scheduler.every(this.#limits.maxUnreadMs / unreadLooks, () => {
      if (++looks < unreadLooks) return;
      this.#answers.drop();
      const text = `no answer was read for ${this.#limits.maxUnreadMs} ms, though some wait`;
      this.end(grpc.status.RESOURCE_EXHAUSTED, text);
    });
  }

  #unblock(): void {
    this.#blocked = false;
    this.#cancelLooks?.();
    this.#cancelLooks = undefined;
  }

  #flush(): void {
    if (this.#ended) return;
    while (this.#answers.waiting && !this.#blocked) {
      const answers = this.#answers.next();
      this.#outstanding -= answers.length;
      if (!this.#call.write(answers)) this.#block();
    }
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
