import { type Ballot, compareBallots, sameBallot } from "./ballot.js";
import type { Configuration } from "./configuration.js";
import type { P1a, P1b } from "./message.js";
import { type PValue, valueBytes } from "./pvalue.js";
import { majorityOf, Quorum } from "./quorum.js";

/** What an answer meant to a scout. */
export type ScoutProgress =
  | {
      readonly kind: "ignored";
      readonly reason: "unbound store" | "another scout" | "another page" | "lower ballot";
    }
  /** The page was taken; this acceptor is asked for the next one. */
  | { readonly kind: "page"; readonly ask: P1a }
  /** The acceptor has told everything; a majority has not yet. */
  | { readonly kind: "waiting" }
  | { readonly kind: "preempted"; readonly by: Ballot }
  | { readonly kind: "adopted" };

/**
 * The scout of PMMC 2.2 (figure 6a): phase 1 of one ballot with the acceptors of one configuration, for the slots
 * from `from` up to `until`. It pulls each acceptor's pvalues page by page and keeps, per slot, the one with the
 * highest ballot: a running maximum (rule 7).
 */
export class Scout {
  readonly number: number;
  readonly ballot: Ballot;
  readonly configuration: Configuration;
  readonly from: number;
  readonly until: number;
  /** The slot that somebody claims to be decided: phase 1 shows whether it can be (rule 28). */
  readonly claimed: number | undefined;
  #shown = false;
  /** Per slot the pvalue of the highest ballot seen; complete from what is needed up to `covered`. */
  readonly found = new Map<number, PValue>();
  #bytes = 0;
  #highest = 0;
  /** Nobody needs what is below: pages that end there are left out. */
  #needed: number;
  readonly #quorum: Quorum;
  /** The page each acceptor is asked for. */
  readonly #page = new Map<string, number>();

  constructor(
    number: number,
    ballot: Ballot,
    configuration: Configuration,
    from: number,
    until = Number.POSITIVE_INFINITY,
    claimed?: number,
  ) {
    this.claimed = claimed;
    this.number = number;
    this.ballot = ballot;
    this.configuration = configuration;
    this.from = from;
    this.#needed = from;
    this.until = until;
    this.#quorum = new Quorum(configuration);
  }

  /** The acceptors that have not told everything. */
  get silent(): readonly string[] {
    return this.#quorum.silent;
  }

  /** A majority has told all it accepted below this slot, but for what is decided; infinite once adopted. */
  get covered(): number {
    if (this.#quorum.reached) return Number.POSITIVE_INFINITY;
    const silent = new Set(this.silent);
    const told = this.configuration.acceptors.map(({ id }) =>
      silent.has(id) ? (this.#page.get(id) ?? this.from) : Number.POSITIVE_INFINITY,
    );
    return told.sort((a, b) => b - a)[majorityOf(told.length) - 1] ?? this.from;
  }

  /** The highest slot known to hold a pvalue: below it a slot in which nothing was found is a hole. */
  get highest(): number {
    return this.#highest;
  }

  /** An acceptor has a pvalue in the slot that is claimed to be decided. */
  get shown(): boolean {
    return this.#shown;
  }

  /** Bytes of the values found. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Nobody needs what is below `slot` any more: it is let go of, and need not be told. */
  skipTo(slot: number): void {
    if (slot <= this.#needed) return;
    if (slot - this.#needed > this.found.size) {
      for (const found of this.found.keys()) if (found < slot) this.#drop(found);
    } else for (let skipped = this.#needed; skipped < slot; skipped++) this.#drop(skipped);
    this.#needed = slot;
  }

  /** The page to ask an acceptor for: first, or again. */
  ask(acceptor: string): P1a {
    return {
      kind: "p1a",
      ballot: this.ballot,
      configuration: this.configuration.number,
      from: this.#page.get(acceptor) ?? this.from,
      scout: this.number,
    };
  }

  /** Rule 6: only an answer that promises exactly this ballot, for this scout and page, from the bound store counts. */
  receive(answer: P1b): ScoutProgress {
    if (compareBallots(answer.promised, this.ballot) > 0) return { kind: "preempted", by: answer.promised };
    if (!sameBallot(answer.promised, this.ballot) || !sameBallot(answer.asked, this.ballot))
      return { kind: "ignored", reason: "lower ballot" };
    if (answer.scout !== this.number || answer.configuration !== this.configuration.number)
      return { kind: "ignored", reason: "another scout" };
    if (!this.#quorum.binds(answer.acceptor, answer.store))
      return { kind: "ignored", reason: "unbound store" };
    if (
      answer.from !== (this.#page.get(answer.acceptor) ?? this.from) ||
      !this.#quorum.silent.includes(answer.acceptor)
    ) {
      return { kind: "ignored", reason: "another page" };
    }
    for (const pvalue of answer.accepted) this.#keep(pvalue);
    if (answer.next !== 0 && answer.next < this.until) {
      this.#page.set(answer.acceptor, Math.max(answer.next, this.#needed));
      this.#highest = Math.max(this.#highest, answer.next);
      return { kind: "page", ask: this.ask(answer.acceptor) };
    }
    this.#quorum.count(answer.acceptor, answer.store);
    return this.#quorum.reached ? { kind: "adopted" } : { kind: "waiting" };
  }

  #keep(pvalue: PValue): void {
    const { slot } = pvalue;
    if (slot < this.from || slot >= this.until) return;
    this.#highest = Math.max(this.#highest, slot);
    if (slot === this.claimed) this.#shown = true;
    if (slot < this.#needed) return;
    const known = this.found.get(slot);
    if (known && compareBallots(pvalue.ballot, known.ballot) <= 0) return;
    this.#bytes += valueBytes(pvalue.value) - (known ? valueBytes(known.value) : 0);
    this.found.set(slot, pvalue);
  }

  #drop(slot: number): void {
    const pvalue = this.found.get(slot);
    if (!pvalue) return;
    this.found.delete(slot);
    this.#bytes -= valueBytes(pvalue.value);
  }
}
