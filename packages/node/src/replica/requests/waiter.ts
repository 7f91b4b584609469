import type { Command } from "@synod/core";

/** A command that somebody waits for. */
export interface Waiter {
  /** The command as it was asked; without a session, it goes under the replica's own. */
  readonly asked: Command;
  /** It is one of Synod's own, made by this process. */
  readonly ofSynod: boolean;
  /** It changes nothing, so it may be executed again. */
  readonly query: boolean;
  readonly group: Group;
  readonly index: number;
  /** The command as it was proposed; undefined while it waits for a place in the replica's own session. */
  proposed: Command | undefined;
  /** A snapshot jumped over slots since it was proposed: a copy of it may have been executed there. */
  jumped: boolean;
  settled: boolean;
}

/** Commands that arrived together and share a deadline. */
export interface Group {
  /** Nobody waits any more: nothing is answered after it. */
  cancel(): void;
}
