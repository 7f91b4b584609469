import type { AcceptorMember, Configuration } from "./configuration.js";

/**
 * Counts acceptors towards a majority of a configuration: distinct ones, and only when their answer came from the
 * store the configuration binds them to (rules 5, 6, 8). Counting answers instead decides with a minority.
 */
export class Quorum {
  readonly #members: ReadonlyMap<string, AcceptorMember>;
  readonly #counted = new Set<string>();

  constructor(configuration: Configuration) {
    this.#members = new Map(configuration.acceptors.map((member) => [member.id, member]));
  }

  /** True when an answer from this acceptor and store may be counted at all. */
  binds(acceptor: string, store: string): boolean {
    return this.#members.get(acceptor)?.store === store;
  }

  /** Counts an acceptor; false when it is not bound to that store, or counted already. */
  count(acceptor: string, store: string): boolean {
    if (!this.binds(acceptor, store) || this.#counted.has(acceptor)) return false;
    this.#counted.add(acceptor);
    return true;
  }

  get reached(): boolean {
    return this.#counted.size >= majorityOf(this.#members.size);
  }

  /** Ids of the acceptors not counted yet. */
  get silent(): readonly string[] {
    return [...this.#members.keys()].filter((id) => !this.#counted.has(id));
  }
}

/** The smallest number of `members` such that any two sets of that size share one. */
export function majorityOf(members: number): number {
  return Math.floor(members / 2) + 1;
}
