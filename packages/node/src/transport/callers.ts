import * as grpc from "@grpc/grpc-js";
import type { Message } from "@synod/core";
import { noPlaceText, Places } from "./places.js";
import { CallError, type UnaryCall } from "./server.js";

/** The wait of what names no deadline. */
export const waitWithoutDeadlineMs = 30_000;
/** The longest wait, whatever deadline is named: nothing takes a place without end. */
export const longestWaitMs = 600_000;

/**
 * An answer must be there this long before the caller gives up, or our words about why not never arrive: a tenth of the
 * time there is, within these bounds, because many calls that wait long may end together.
 */
const leastMarginMs = 50;
const mostMarginMs = 500;

/** The longest that a call may wait here, in milliseconds. */
export function waitMs(call: Pick<UnaryCall<unknown>, "timeLeftMs">): number {
  const leftMs = call.timeLeftMs();
  if (leftMs === Number.POSITIVE_INFINITY) return waitWithoutDeadlineMs;
  const marginMs = Math.min(mostMarginMs, Math.max(leastMarginMs, leftMs / 10));
  const untilDeadlineMs = leftMs > 4 * leastMarginMs ? leftMs - marginMs : leftMs * 0.75;
  return Math.min(longestWaitMs, Math.max(1, untilDeadlineMs));
}

interface Waiting {
  deliver(message: Message): void;
  fail(error: CallError): void;
}

export interface Question<Answer> {
  readonly call: UnaryCall<unknown>;
  /** Hands the question to the role, which will answer to a peer with this id. */
  ask(id: string): void;
  /** The answer, when a message to the caller is one. */
  take(message: Message): Answer | undefined;
  /** The reason why there was none in time. */
  describe(waitedMs: number): string;
}

/**
 * People with grpcurl and contract tests, as peers of a role: each unary call gets an id that no member can have, under
 * which the role's answer finds it.
 */
export class Callers {
  readonly #waiting = new Map<string, Waiting>();
  readonly #places: Places;
  #number = 0;
  #closed = false;

  constructor(most = 1_000) {
    this.#places = new Places({ maxNumber: most, maxBytes: Number.POSITIVE_INFINITY });
  }

  /** Resolves with the answer; rejects with CallError at the deadline, when the caller is gone, or at shutdown. */
  async ask<Answer>(question: Question<Answer>): Promise<Answer> {
    if (this.#closed) throw shuttingDown();
    const { peer } = question.call;
    const none = this.#places.take(peer, 0);
    if (none) throw new CallError(grpc.status.RESOURCE_EXHAUSTED, noPlaceText(none, "calls"));
    // Not a name, so never a member's.
    const id = `(caller ${++this.#number})`;
    const limitMs = waitMs(question.call);
    try {
      return await new Promise<Answer>((resolve, reject) => {
        const expire = () =>
          reject(new CallError(grpc.status.DEADLINE_EXCEEDED, question.describe(Math.round(limitMs))));
        const timer = setTimeout(expire, limitMs);
        const fail = (error: CallError) => {
          clearTimeout(timer);
          reject(error);
        };
        const deliver = (message: Message) => {
          const answer = question.take(message);
          if (answer === undefined) return;
          clearTimeout(timer);
          resolve(answer);
        };
        question.call.onCancelled(() => fail(new CallError(grpc.status.CANCELLED, "the caller is gone")));
        this.#waiting.set(id, { deliver, fail });
        question.ask(id);
      });
    } finally {
      this.#waiting.delete(id);
      this.#places.leave(peer, 0);
    }
  }

  /** False when no caller has this id. */
  deliver(id: string, message: Message): boolean {
    const caller = this.#waiting.get(id);
    caller?.deliver(message);
    return caller !== undefined;
  }

  close(): void {
    this.#closed = true;
    for (const caller of [...this.#waiting.values()]) caller.fail(shuttingDown());
  }
}

export function shuttingDown(): CallError {
  return new CallError(grpc.status.UNAVAILABLE, "this process is shutting down; ask another member");
}
