import type { Command } from "@synod/core";
import type { StoredAnswer } from "../sessions/session-record.js";

/** The answer to one command of a slot. */
export interface Answer {
  readonly clientId: string;
  readonly sequence: number;
  /** gRPC status code. */
  readonly status: number;
  /** Empty on success. */
  readonly message: string;
  /** The encoded response message when the status is 0, else empty. */
  readonly response: Uint8Array;
  /** The slot that decided the command; for a repeat, the first one that did. */
  readonly slot: number;
  /** Executed in an earlier place of the log; this is the answer it got there. */
  readonly repeated: boolean;
  /** The outcome that this states of the command, at every replica alike. */
  readonly outcome: AnswerOutcome;
  /** The encoded google.rpc.Status of a declared failure; absent when there is none. */
  readonly details?: Uint8Array | undefined;
  /** Bytes that it took of its slot's room (rule 13); absent when nothing was executed. */
  readonly took?: number;
  /** Its slot had no room left: this copy was not executed, and another may be proposed at once. */
  readonly deferred?: true;
}

/** The meanings are those of synod.v1.Outcome. */
export type AnswerOutcome =
  /** The last word on the command, which every repeat gets as well. */
  | "answered"
  /** Refused in a way that holds for every later copy as well. */
  | "not-executed"
  /** This copy was refused for want of room in its session; a later one may find some, and be executed. */
  | "unknown";

export function answered(
  command: Command,
  answer: StoredAnswer,
  outcome: AnswerOutcome,
  repeated = false,
): Answer {
  const { status, message, response, slot, details } = answer;
  const { clientId, sequence } = command;
  const plain = { clientId, sequence, status, message, response, slot, repeated, outcome };
  return details === undefined ? plain : { ...plain, details };
}
