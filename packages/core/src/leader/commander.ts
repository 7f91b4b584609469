import { sameBallot } from "../ballot.js";
import type { Configuration } from "../configuration.js";
import type { P2a, P2b } from "../message.js";
import type { PValue } from "../pvalue.js";
import { Quorum } from "../quorum.js";
import type { Repetition } from "../round-trip.js";

/**
 * The commander of PMMC 2.2 (figure 6b): phase 2 of one pvalue with the acceptors of the configuration that rules its
 * slot. What the figure calls preempted is the leader's to see (figure 7), which ends it.
 */
export class Commander {
  readonly pvalue: PValue;
  /** One message for all acceptors: it is encoded once. */
  readonly message: P2a;
  readonly #quorum: Quorum;
  /** The copies that went to each acceptor. */
  readonly #copies = new Map<string, Repetition>();
  readonly #begin: (acceptor: string) => Repetition;

  /** @param begin called for each acceptor that is asked */
  constructor(pvalue: PValue, configuration: Configuration, begin: (acceptor: string) => Repetition) {
    this.pvalue = pvalue;
    this.message = { kind: "p2a", pvalue };
    this.#quorum = new Quorum(configuration);
    this.#begin = begin;
    for (const acceptor of this.silent) this.asked(acceptor);
  }

  /** An acceptor is asked: first, or on a new connection. */
  asked(acceptor: string): void {
    this.#copies.set(acceptor, this.#begin(acceptor));
  }

  /** A tick has passed. @returns the silent acceptors to which the P2a goes again (rule 8) */
  tick(): readonly string[] {
    const due: string[] = [];
    for (const acceptor of this.silent) {
      const copies = this.#copies.get(acceptor);
      if (!copies?.tick()) continue;
      copies.spread(this.pvalue.slot);
      due.push(acceptor);
    }
    return due;
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
    if (!this.#quorum.count(acceptor, store)) return false;
    this.#copies.get(acceptor)?.answered();
    return this.#quorum.reached;
  }
}
