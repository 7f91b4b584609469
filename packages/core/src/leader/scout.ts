import { type Ballot, sameBallot } from "../ballot.js";
import type { Configuration } from "../configuration.js";
import type { P1a, P1b } from "../message.js";
import type { PValue } from "../pvalue.js";
import { FoundPValues } from "./found-pvalues.js";
import { Pages } from "./pages.js";

/** The slots that a scout asks about. */
export interface ScoutedSlots {
  readonly from: number;
  /** Excluded; absent for no end. */
  readonly until?: number;
  /** The slot that somebody claims to be decided: phase 1 shows if it can be (rule 28). */
  readonly claimed?: number | undefined;
}

/**
 * The scout of PMMC 2.2 (figure 6a): phase 1 of one ballot with the acceptors of one configuration. It pulls each
 * acceptor's pvalues page by page. What the figure calls preempted is the leader's to see (figure 7), which ends it.
 */
export class Scout {
  readonly number: number;
  readonly ballot: Ballot;
  readonly configuration: Configuration;
  readonly from: number;
  readonly until: number;
  readonly claimed: number | undefined;
  /** Complete below `covered`, but for slots let go of. */
  readonly found: FoundPValues;
  readonly #pages: Pages;
  #shown = false;

  constructor(number: number, ballot: Ballot, configuration: Configuration, slots: ScoutedSlots) {
    this.number = number;
    this.ballot = ballot;
    this.configuration = configuration;
    this.from = slots.from;
    this.until = slots.until ?? Number.POSITIVE_INFINITY;
    this.claimed = slots.claimed;
    this.found = new FoundPValues(slots.from);
    this.#pages = new Pages(configuration, slots.from);
  }

  /** A majority has promised, and told everything that it accepted. */
  get adopted(): boolean {
    return this.#pages.complete;
  }

  /** A majority has promised, and told everything that it accepted below this slot; infinite once adopted. */
  get covered(): number {
    return this.#pages.covered;
  }

  /** The acceptors that have not told everything. */
  get silent(): readonly string[] {
    return this.#pages.silent;
  }

  /** An acceptor has a pvalue in the slot that is claimed to be decided. */
  get shown(): boolean {
    return this.#shown;
  }

  /** Nobody needs what is below `slot` any more: it is let go of, and pages that end there are left out. */
  skipTo(slot: number): void {
    this.found.skipTo(slot);
  }

  /** The page to ask an acceptor for: first, or again. */
  ask(acceptor: string): P1a {
    return {
      kind: "p1a",
      ballot: this.ballot,
      configuration: this.configuration.number,
      from: this.#pages.at(acceptor),
      scout: this.number,
    };
  }

  /** @returns true when a page was taken and the acceptor has another one */
  receive(answer: P1b): boolean {
    if (!this.#counts(answer)) return false;
    for (const pvalue of answer.accepted) this.#take(pvalue);
    const { acceptor, store, next } = answer;
    const another = next !== 0 && next < this.until;
    if (another) {
      this.found.holds(next);
      this.#pages.turn(acceptor, Math.max(next, this.found.needed));
    } else this.#pages.end(acceptor, store);
    return another;
  }

  /** Rule 6: only an answer that promises exactly this ballot, for this scout and page, from the bound store counts. */
  #counts({ asked, promised, scout, configuration, acceptor, store, from }: P1b): boolean {
    return (
      sameBallot(asked, this.ballot) &&
      sameBallot(promised, this.ballot) &&
      scout === this.number &&
      configuration === this.configuration.number &&
      this.#pages.awaits(acceptor, store, from)
    );
  }

  #take(pvalue: PValue): void {
    if (pvalue.slot < this.from || pvalue.slot >= this.until) return;
    if (pvalue.slot === this.claimed) this.#shown = true;
    this.found.add(pvalue);
  }
}
