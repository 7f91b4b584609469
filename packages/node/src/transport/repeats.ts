import { type Ballot, type Message, proposalKey, proposalOf } from "@synod/core";
import type { Hello } from "@synod/wire";

/** A message that its role sends again. */
export interface Repeat {
  readonly key: string;
  /**
   * What a later one of the same key is beside it. `request`: a copy, and whoever took the first answers it in the end, however
   * long that takes. `copy`: the very same, to which the answer may be another one by then. `news`: it says what holds now,
   * and the earlier one is out of date.
   */
  readonly kind: "request" | "copy" | "news";
}

/**
 * The messages that roles send again by timers or for every question (rules 6, 8, 9, 11, 14, 15 and 18). Whoever keeps
 * messages that wait to leave keeps one of each key: a copy of what has not left would only be in its way.
 */
export function repeatOf(message: Message | Hello): Repeat | undefined {
  switch (message.kind) {
    case "p1a": {
      const { ballot, configuration, scout, from } = message;
      return request(`p1a ${ballotKey(ballot)} ${configuration} ${scout} ${from}`);
    }
    case "p1b": {
      const { asked, promised, configuration, scout, from } = message;
      return copy(`p1b ${ballotKey(asked)} ${ballotKey(promised)} ${configuration} ${scout} ${from}`);
    }
    case "p2a":
      return request(`p2a ${message.pvalue.slot} ${ballotKey(message.pvalue.ballot)}`);
    case "p2b":
      return copy(`p2b ${message.slot} ${ballotKey(message.asked)} ${ballotKey(message.promised)}`);
    case "propose": {
      const proposal = proposalOf(message.value);
      return proposal && copy(`propose ${proposalKey(proposal)}`);
    }
    case "decision":
      return copy(`decision ${message.slot}`);
    case "question":
      return copy(`question ${message.from} ${message.through}`);
    case "hello":
      return undefined;
    default:
      return { key: message.kind, kind: "news" };
  }
}

function request(key: string): Repeat {
  return { key, kind: "request" };
}

function copy(key: string): Repeat {
  return { key, kind: "copy" };
}

function ballotKey({ round, leader, incarnation }: Ballot): string {
  return `${round}.${leader}.${incarnation}`;
}
