import { type Command, commandBytes } from "@synod/core";
import type { Response } from "@synod/wire";
import type { Outcome } from "./error.js";

/** A successful answer. */
export interface Reply {
  /** The encoded response message of the method. */
  readonly response: Uint8Array;
  /** The slot that decided the command. */
  readonly slot: number;
}

/** A caller's request, before it has a session and a sequence number. */
export interface Operation {
  readonly service: string;
  readonly method: string;
  readonly request: Uint8Array;
}

/** The way to a replica, as far as a call that travels on it knows it: a `Lane`. */
export interface Carrier {
  /** When its replica last answered anything. */
  readonly heardAt: number;
  /** Nobody waits for the call any more. */
  forget(call: Call): void;
  /** Takes the call back, as far as it is not sent. */
  withdraw(call: Call): void;
}

/** The session in which a call has its number, as far as the call knows it: a `Session`. */
export interface NumberingSession {
  readonly clientId: string;
  readonly calls: ReadonlyMap<number, Call>;
  settle(sequence: number): void;
}

/** The part of a call that exists once it belongs to a session. It never changes: every attempt sends the same bytes. */
export interface Numbered {
  readonly session: NumberingSession;
  readonly command: Command;
}

/** One `execute`, from the caller's request until it is settled. */
export class Call {
  readonly operation: Operation;
  readonly deadlineMs: number;
  readonly startedAt: number;
  numbered: Numbered | undefined;
  /** The lanes that carry it now, sent or about to be. */
  readonly lanes = new Set<Carrier>();
  /** Addresses it was written to. */
  readonly sentTo = new Set<string>();
  /** Attempts: how often it was written to a replica. */
  sends = 0;
  /** Attempts that certainly did not execute it, nor will. */
  refusals = 0;
  lastSentAt = 0;
  /** When it was last given to a lane. */
  carriedAt = 0;
  /** A final refusal, held while earlier attempts are still under way, and the time when it arrived. */
  refusal: Response | undefined;
  refusedAt = 0;
  /** The lanes whose replicas do not know its service or method, and what the last of them said. */
  readonly strangers = new Set<Carrier>();
  notKnown: Response | undefined;
  /** When a retryable answer arrived: not again before this time. */
  pausedUntil = 0;
  /** The last thing a replica or its connection said about it. */
  news = "";
  settled = false;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
  cancelExpiry: (() => void) | undefined;

  constructor(
    operation: Operation,
    startedAt: number,
    deadlineMs: number,
    resolve: (reply: Reply) => void,
    reject: (error: Error) => void,
  ) {
    this.operation = operation;
    this.startedAt = startedAt;
    this.deadlineMs = deadlineMs;
    this.resolve = resolve;
    this.reject = reject;
  }

  /** The bytes that do not change with its number. */
  get askedBytes(): number {
    const { service, method, request } = this.operation;
    return request.length + service.length + method.length;
  }

  get bytes(): number {
    return this.numbered ? commandBytes(this.numbered.command) : this.operation.request.length;
  }

  /** The outcome to report if it ends now, without an answer. */
  get outcome(): Outcome {
    return this.sends > this.refusals ? "unknown" : "not executed";
  }

  ageMs(now: number): number {
    return now - this.startedAt;
  }
}
