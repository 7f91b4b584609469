import * as grpc from "@grpc/grpc-js";
import type { Message, Role } from "@synod/core";
import { eventLoop, type Hello, type Incoming, Invalid, type Method, ran, type Scheduler } from "@synod/wire";
import type { Dial, Dialed, StreamStatus } from "./dial.js";
import { type Expected, incompatibility, mistakenIdentity, unboundStore } from "./hello.js";
import { messageBytes } from "./message-bytes.js";
import { Outbox, type OutboxOptions } from "./outbox.js";
import { repeatOf } from "./repeats.js";

export interface LinkTiming {
  /** The other side's hello must be there by then. */
  readonly helloMs: number;
  /** First and longest wait before dialing again; each doubles the last, less up to half at random. */
  readonly firstRetryMs: number;
  readonly lastRetryMs: number;
}

export const linkTiming: LinkTiming = { helloMs: 2_000, firstRetryMs: 100, lastRetryMs: 2_000 };

export interface LinkOptions<Out extends Message, In extends Message> {
  /** The member that this link is to reach. */
  readonly expected: Expected;
  readonly method: Method<Out | Hello, In | Hello>;
  readonly dial: Dial;
  /** This side's hello, made anew for every connection. */
  hello(): Hello;
  onConnected(hello: Hello): void;
  /** The connection ended after it stood, or was refused or reset: told once, until it stands again. Silence is not told. */
  onDisconnected(reason: string): void;
  /** False asks the link to read no more until `whenRoom` calls back. */
  onMessage(message: In): boolean;
  whenRoom(callback: () => void): void;
  readonly timing?: LinkTiming | undefined;
  readonly outbox?: Pick<OutboxOptions<Out>, "maxBytes" | "maxMessages" | "stallMs"> | undefined;
  readonly scheduler?: Scheduler | undefined;
  /** For the spread of retries only. */
  readonly random?: (() => number) | undefined;
}

export interface LinkStatus {
  readonly role: Role;
  readonly id: string;
  readonly address: string;
  readonly connected: boolean;
  /** The reason why it is not connected, or not counted; empty when all is well. */
  readonly problem: string;
}

interface Attempt<Out, In> {
  readonly dialed: Dialed<Out | Hello, In | Hello>;
  readonly outbox: Outbox<Out | Hello>;
  hello: Hello | undefined;
  cancelWatchdog: (() => void) | undefined;
  ended: boolean;
}

/**
 * The dialing side of one stream, on a connection of its own. It dials until it is closed: absent peers, names that do
 * not resolve yet, strangers and silence are all tried again, and `status` says what stands in the way.
 */
export class Link<Out extends Message, In extends Message> {
  readonly #options: LinkOptions<Out, In>;
  readonly #timing: LinkTiming;
  readonly #scheduler: Scheduler;
  #attempt: Attempt<Out, In> | undefined;
  #cancelRetry: (() => void) | undefined;
  #retryMs: number;
  #problem = "not connected yet";
  #closed = false;
  #dropped = 0;
  /** `onDisconnected` was called since the last connection stood. */
  #told = false;

  constructor(options: LinkOptions<Out, In>) {
    this.#options = options;
    this.#timing = options.timing ?? linkTiming;
    this.#scheduler = options.scheduler ?? eventLoop;
    this.#retryMs = this.#timing.firstRetryMs;
  }

  get connected(): boolean {
    return this.#attempt?.hello !== undefined;
  }

  get status(): LinkStatus {
    const { role, id, address } = this.#options.expected;
    return { role, id, address, connected: this.connected, problem: this.#problem };
  }

  /** Messages lost because the peer did not drain, or was not connected. */
  get dropped(): number {
    return this.#dropped + (this.#attempt?.outbox.dropped ?? 0);
  }

  start(): void {
    if (!this.#attempt && !this.#cancelRetry && !this.#closed) this.#dial();
  }

  /** Sends if the peer is connected and keeps up. False when the message was dropped. */
  send(message: Out): boolean {
    const attempt = this.#attempt;
    if (attempt?.hello) return attempt.outbox.send(message);
    this.#dropped++;
    return false;
  }

  /** Ends the stream and dials no more. Nothing is reported after it. */
  close(): void {
    this.#closed = true;
    this.#cancelRetry?.();
    const attempt = this.#attempt;
    if (!attempt) return;
    const established = attempt.hello !== undefined;
    this.#release(attempt);
    if (established) attempt.dialed.stream.end();
    else attempt.dialed.stream.cancel();
    attempt.dialed.close(!established);
    this.#problem = "closed";
  }

  #dial(): void {
    this.#cancelRetry = undefined;
    const { expected, method, dial } = this.#options;
    const dialed = dial(expected.address, method);
    const { stream } = dialed;
    const outbox = new Outbox<Out | Hello>({
      ...this.#options.outbox,
      stream,
      scheduler: this.#options.scheduler,
      bytesOf: (message) => (message.kind === "hello" ? 0 : messageBytes(message)),
      repeatOf,
      onStalled: () => this.#lose(attempt, "it has taken nothing for long", true),
    });
    const attempt: Attempt<Out, In> = {
      ...{ dialed, outbox },
      hello: undefined,
      cancelWatchdog: undefined,
      ended: false,
    };
    this.#attempt = attempt;
    attempt.cancelWatchdog = ran(
      this.#scheduler,
      this.#timing.helloMs,
      () => false,
      () => this.#silence(attempt),
    );
    stream.on("data", (message: Incoming<In | Hello>) => {
      if (attempt.ended) return;
      outbox.heard();
      if (message instanceof Invalid)
        this.#lose(attempt, `it sent a message that is not valid: ${message.error.message}`, false);
      else if (message.kind === "hello") this.#greet(attempt, message);
      else if (!attempt.hello) this.#lose(attempt, "it sent a message before its hello", false);
      else if (!this.#options.onMessage(message)) {
        stream.pause();
        this.#options.whenRoom(() => stream.resume());
      }
    });
    // Every error also arrives as a status; an 'error' that nobody listens to ends the process.
    stream.on("error", () => {});
    stream.on("status", (status) => this.#finish(attempt, status));
    outbox.send(this.#options.hello());
  }

  #greet(attempt: Attempt<Out, In>, theirs: Hello): void {
    if (attempt.hello) return;
    const { expected } = this.#options;
    const refusal = mistakenIdentity(expected, theirs) ?? incompatibility(this.#options.hello(), theirs);
    if (refusal !== undefined) {
      this.#lose(attempt, refusal, false);
      return;
    }
    attempt.cancelWatchdog?.();
    attempt.hello = theirs;
    this.#told = false;
    this.#retryMs = this.#timing.firstRetryMs;
    this.#problem = (expected.bound && unboundStore(expected.bound, theirs.store)) ?? "";
    this.#options.onConnected(theirs);
  }

  /** Accepting a connection is not speaking: such a peer would hold the channel in CONNECTING for ever. */
  #silence(attempt: Attempt<Out, In>): void {
    this.#lose(attempt, `no hello from it within ${this.#timing.helloMs} ms`, false);
  }

  #finish(attempt: Attempt<Out, In>, status: StreamStatus): void {
    const { reason, broken } = describeStatus(status, this.#options.expected.address);
    this.#lose(attempt, reason, broken);
  }

  /** @param broken the connection was refused or reset: a fact about the peer, unlike silence */
  #lose(attempt: Attempt<Out, In>, reason: string, broken: boolean): void {
    if (attempt.ended) return;
    const established = attempt.hello !== undefined;
    this.#release(attempt);
    attempt.dialed.stream.cancel();
    attempt.dialed.close(true);
    if (this.#closed) return;
    this.#problem = reason;
    const { random = Math.random } = this.#options;
    this.#cancelRetry = this.#scheduler.after(this.#retryMs * (1 - random() / 2), () => this.#dial());
    this.#retryMs = Math.min(this.#retryMs * 2, this.#timing.lastRetryMs);
    if (this.#told || (!established && !broken)) return;
    this.#told = true;
    this.#options.onDisconnected(reason);
  }

  #release(attempt: Attempt<Out, In>): void {
    attempt.ended = true;
    attempt.cancelWatchdog?.();
    attempt.outbox.close();
    this.#dropped += attempt.outbox.dropped;
    this.#attempt = undefined;
  }
}

/** Puts a status into words an operator can act on, and tells a broken connection from everything else. */
function describeStatus(status: StreamStatus, address: string): { reason: string; broken: boolean } {
  const { code, details } = status;
  if (code === grpc.status.OK) return { reason: "it ended the stream", broken: true };
  if (code === grpc.status.UNAVAILABLE) {
    if (/ECONNREFUSED/.test(details)) return { reason: `connection refused at ${address}`, broken: true };
    if (/ECONNRESET|EPIPE|socket hang up|Connection dropped|Connection closed/.test(details))
      return { reason: "connection reset", broken: true };
    if (/Name resolution failed|ENOTFOUND|EAI_AGAIN/.test(details))
      return { reason: `the name in ${address} does not resolve (yet)`, broken: false };
    if (/ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/.test(details))
      return { reason: `no route to ${address}`, broken: false };
  }
  if (code === grpc.status.FAILED_PRECONDITION) return { reason: details, broken: false };
  return { reason: `${grpc.status[code] ?? code}: ${details}`, broken: false };
}
