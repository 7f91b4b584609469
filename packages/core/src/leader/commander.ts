import { sameBallot } from "../ballot.js";
import type { Configuration } from "../configuration.js";
import type { P2a, P2b } from "../message.js";
import type { PValue } from "../pvalue.js";
import { Quorum } from "../quorum.js";
import { Timeout } from "../timeout.js";

/**
 * The commander of PMMC 2.2 (figure 6b): phase 2 of one pvalue with the acceptors of the configuration that rules its
 * slot. What the figure calls preempted is the leader's to see (figure 7), which ends it.
 */
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
   *
   * @returns true when this vote makes a majority: the pvalue is decided
   */
  receive({ acceptor, store, asked, promised }: P2b): boolean {
    const { ballot } = this.pvalue;
    if (!sameBallot(asked, ballot) || !sameBallot(promised, ballot)) return false;
    return this.#quorum.count(acceptor, store) && this.#quorum.reached;
  }
}
