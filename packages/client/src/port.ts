import type { Command } from "@synod/core";
import type { Response } from "@synod/wire";

/** The events of a stream. None comes after `ended`. */
export interface StreamEvents {
  answers(answers: readonly Response[]): void;
  /** The stream takes more again, after `send` returned false. */
  drained(): void;
  /**
   * `code` is the gRPC status it ended with. With `misdirected` the replica is of another cluster than the one meant, and read
   * nothing of what was sent on the stream.
   */
  ended(code: number, reason: string, misdirected?: boolean): void;
}

export interface CommandStream {
  /** False when it is not connected yet, so that nothing counts as sent that cannot arrive: `drained` tells when it is. */
  readonly writable: boolean;
  /** False when the caller should send no more before `drained`. */
  send(commands: readonly Command[]): boolean;
  /** Ends the stream without a further event. */
  close(): void;
}

/** One replica, as the client needs it. The gRPC one stands in `replica-port.ts`. */
export interface ReplicaPort {
  readonly address: string;
  /**
   * Opens a session by a decided command; its name. Rejects with an error that has a gRPC `code`, with AnotherCluster where a
   * replica of another cluster than the one meant answers.
   */
  openSession(deadlineMs: number): Promise<string>;
  openStream(events: StreamEvents): CommandStream;
  /** The reason why the replica can have nothing decided, in its own words; empty when it sees no problem. */
  problem(deadlineMs: number): Promise<string>;
  close(): void;
}
