import type { Command } from "@synod/core";
import type { Caller } from "../../transport/places.js";

/** A command that somebody waits for. */
export interface Waiter {
  /** The command as it was asked; without a session, it goes under the replica's own. */
  asked: Command;
  readonly caller: Caller;
  /** It is one of Synod's own, made by this process. */
  readonly ofSynod: boolean;
  /** It changes nothing, so it may be executed again. */
  readonly query: boolean;
  readonly group: Group;
  readonly index: number;
  /** The bytes of its place; undefined while it has none. */
  place: number | undefined;
  /** The command as it was proposed; undefined while it waits for a place in the replica's own session. */
  proposed: Command | undefined;
  /** The command that was handed over to be proposed: of another waiter where this one repeats what is under way. */
  handed: Command | undefined;
  /** A snapshot jumped over slots since it was proposed: a copy of it may have been executed there. */
  jumped: boolean;
  settled: boolean;
}

/** Commands that arrived together and share a deadline. */
export interface Group {
  /** Nobody waits any more: nothing is answered after it. */
  cancel(): void;
}
