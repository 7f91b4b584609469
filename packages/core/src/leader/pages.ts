import type { Configuration } from "../configuration.js";
import { majorityOf, Quorum } from "../quorum.js";

/**
 * The pages in which acceptors tell what they accepted (rule 6): which page each of them is at, and how far a majority has
 * told all.
 */
export class Pages {
  readonly #configuration: Configuration;
  readonly #from: number;
  readonly #complete: Quorum;
  /** The first slot of the page that an acceptor is at. */
  readonly #at = new Map<string, number>();

  /** @param from the first slot of everybody's first page */
  constructor(configuration: Configuration, from: number) {
    this.#configuration = configuration;
    this.#from = from;
    this.#complete = new Quorum(configuration);
  }

  /** The acceptors that have not told everything. */
  get silent(): readonly string[] {
    return this.#complete.silent;
  }

  /** A majority has told everything. */
  get complete(): boolean {
    return this.#complete.reached;
  }

  /** The first slot of the page to ask an acceptor for. */
  at(acceptor: string): number {
    return this.#at.get(acceptor) ?? this.#from;
  }

  /** True when this page of this acceptor, from this store, is the one to be told next. */
  awaits(acceptor: string, store: string, from: number): boolean {
    return (
      this.#complete.binds(acceptor, store) && this.silent.includes(acceptor) && from === this.at(acceptor)
    );
  }

  /** An acceptor told a page, and its next one begins at `next`. */
  turn(acceptor: string, next: number): void {
    this.#at.set(acceptor, next);
  }

  /** An acceptor told its last page. */
  end(acceptor: string, store: string): void {
    this.#complete.count(acceptor, store);
  }

  /** A majority has told everything that it accepted below this slot; infinite once it has told all. */
  get covered(): number {
    if (this.complete) return Number.POSITIVE_INFINITY;
    const silent = new Set(this.silent);
    const told = this.#configuration.acceptors.map(({ id }) =>
      silent.has(id) ? this.at(id) : Number.POSITIVE_INFINITY,
    );
    return told.sort((a, b) => b - a)[majorityOf(told.length) - 1] ?? this.#from;
  }
}
