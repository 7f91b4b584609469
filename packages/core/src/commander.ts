import { type Ballot, compareBallots, sameBallot } from "./ballot.js";
import type { Configuration } from "./configuration.js";
import type { P2a, P2b } from "./message.js";
import type { PValue } from "./pvalue.js";
import { Quorum } from "./quorum.js";
import { Timeout } from "./timeout.js";

/** What an answer meant to a commander. */
export type CommanderProgress =
  | { readonly kind: "ignored"; readonly reason: "unbound store" | "another ballot" | "counted already" }
  | { readonly kind: "waiting" }
  | { readonly kind: "preempted"; readonly by: Ballot }
  | { readonly kind: "decided" };

/** The commander of PMMC 2.2 (figure 6b): phase 2 of one pvalue with the acceptors of the configuration that rules its slot. */
export class Commander {
  readonly pvalue: PValue;
  /** One message for all acceptors: it is encoded once. */
  readonly message: P2a;
  /** Until the P2a goes again to the silent. */
  readonly resend: Timeout;
  readonly #quorum: Quorum;

  constructor(pvalue: PValue, configuration: Configuration, resendTicks: number) {
    this.pvalue = pvalue;
    this.message = { kind: "p2a", pvalue };
    this.resend = new Timeout(resendTicks);
    this.#quorum = new Quorum(configuration);
  }

  /** The acceptors that have not voted. */
  get silent(): readonly string[] {
    return this.#quorum.silent;
  }

  /**
   * Rule 8. A vote is an answer to exactly this ballot whose promise equals it: a delayed refusal of an earlier ballot,
   * counted as a vote, would decide with a minority (rule 2).
   */
  receive(answer: P2b): CommanderProgress {
    const { ballot } = this.pvalue;
    if (compareBallots(answer.promised, ballot) > 0) return { kind: "preempted", by: answer.promised };
    if (!sameBallot(answer.asked, ballot) || !sameBallot(answer.promised, ballot))
      return { kind: "ignored", reason: "another ballot" };
    if (!this.#quorum.binds(answer.acceptor, answer.store))
      return { kind: "ignored", reason: "unbound store" };
    if (!this.#quorum.count(answer.acceptor, answer.store))
      return { kind: "ignored", reason: "counted already" };
    return this.#quorum.reached ? { kind: "decided" } : { kind: "waiting" };
  }
}
