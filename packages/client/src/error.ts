import { status as Code } from "@grpc/grpc-js";
import { statusName } from "./status.js";

/** The outcome of a command whose call ended with an error: all its attempts taken together. */
export type Outcome =
  /**
   * The log's last word on it: executed, once, and this is its answer, the same on every replica. Errors that the service
   * declares are answers, whatever their code.
   */
  | "answered"
  /** No attempt executed it, and none ever will: it may be called again. */
  | "not executed"
  /** It may or may not have been executed, or may be later: look before you call again. */
  | "unknown";

/** The only error a call ends with. `message` starts with the status name and says what to do where that is known. */
export class SynodError extends Error {
  override readonly name: string = "SynodError";
  /** A gRPC status code. */
  readonly code: number;
  readonly outcome: Outcome;
  /** The slot that decided the command; 0 when none is known. */
  readonly slot: number;
  /** The reason without the status name. */
  readonly reason: string;

  constructor(code: number, reason: string, outcome: Outcome, slot = 0) {
    super(`${statusName(code)}: ${reason}`);
    this.code = code;
    this.reason = reason;
    this.outcome = outcome;
    this.slot = slot;
  }
}

/**
 * The session that the command belonged to is gone from the replicated state, and with it the answer to an attempt that may
 * have been executed before. Sending the command again under another session could execute it twice, so the caller has to
 * look first. (A command that certainly was not executed goes again by itself, under a new session.)
 */
export class OutcomeUnknown extends SynodError {
  override readonly name = "OutcomeUnknown";

  constructor(reason: string, slot: number) {
    super(Code.ABORTED, reason, "unknown", slot);
  }
}
