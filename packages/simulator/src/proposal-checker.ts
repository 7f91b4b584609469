import {
  describeBallot,
  describeValue,
  type Limits,
  type ProposalId,
  type PValue,
  proposalKey,
  proposalOf,
  type Value,
} from "@synod/core";
import { Violation } from "./violation.js";

/** No command counts as fewer bytes. */
const leastCommandBytes = 24;

/** Watches what replicas keep and propose, and which slots it gets (rules 10 and 12). */
export class ProposalChecker {
  readonly #limits: Limits;
  /** The value of each proposal. */
  readonly #contents = new Map<string, Value>();
  /** By proposal: the slots in which it was proposed to acceptors, and by which ballots. */
  readonly #places = new Map<string, Map<number, Set<string>>>();
  /** By the life of a replica: the last proposal withdrawn, the later ones chosen, and the last of all. */
  readonly #lives = new Map<
    string,
    { readonly chosen: Set<number>; last: number; withdrawn: number; anew: boolean }
  >();

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** So many commands wait in a replica to be proposed. */
  queued(replica: string, commands: number): void {
    const { maxQueuedCommands, maxQueuedBytes } = this.#limits;
    const most = Math.min(maxQueuedCommands, Math.floor(maxQueuedBytes / leastCommandBytes));
    if (commands > most)
      throw new Violation(`${commands} commands queue in ${replica}; expected at most ${most}`);
  }

  /** A replica asks leaders to propose. Of what it proposed in this life, all but a few is chosen (rule 12). */
  asked(value: Value): void {
    const proposal = proposalOf(value);
    if (!proposal) return;
    const life = this.#life(proposal);
    if (life.anew && proposal.number > life.last) {
      life.anew = false;
      life.withdrawn = proposal.number - 1;
      for (const number of life.chosen) if (number <= life.withdrawn) life.chosen.delete(number);
    }
    life.last = Math.max(life.last, proposal.number);
    const outstanding = proposal.number - life.withdrawn - life.chosen.size;
    const { maxOutstandingProposals } = this.#limits;
    if (outstanding > maxOutstandingProposals)
      throw new Violation(
        `${proposal.replica} has ${outstanding} proposals outstanding; expected at most ${maxOutstandingProposals}`,
      );
  }

  /**
   * A leader asks acceptors to accept. A proposal stands for what it says; and a ballot that has one under way gives it no
   * other slot but those in which it was found (rule 10).
   */
  placed({ slot, ballot, value }: PValue, isChosen: (slot: number) => boolean): void {
    const proposal = proposalOf(value);
    if (!proposal) return;
    const key = proposalKey(proposal);
    this.#says(key, value);
    const places = this.#places.get(key) ?? new Map<number, Set<string>>();
    this.#places.set(key, places);
    const by = describeBallot(ballot);
    const known = places.get(slot);
    if (!known) {
      for (const [other, ballots] of places)
        if (ballots.has(by) && !isChosen(other))
          throw new Violation(
            `ballot ${by} has ${describeValue(value)} under way in slot ${other}, and proposes it in slot ${slot}`,
          );
    }
    places.set(slot, (known ?? new Set()).add(by));
  }

  /** A slot was chosen. */
  chosen(value: Value): void {
    const proposal = proposalOf(value);
    if (!proposal) return;
    const { chosen, withdrawn } = this.#life(proposal);
    if (proposal.number > withdrawn) chosen.add(proposal.number);
  }

  /** A replica takes back what it has outstanding, to propose it anew (rule 35). It may be chosen all the same. */
  withdrawn(of: Pick<ProposalId, "replica" | "incarnation">): void {
    // The next proposal shows which was the last withdrawn: one that reached no leader was never heard of here.
    this.#life(of).anew = true;
  }

  #life({ replica, incarnation }: Pick<ProposalId, "replica" | "incarnation">) {
    const name = `${replica}.${incarnation}`;
    const life = this.#lives.get(name) ?? { chosen: new Set(), last: 0, withdrawn: 0, anew: false };
    this.#lives.set(name, life);
    return life;
  }

  #says(key: string, value: Value): void {
    const before = this.#contents.get(key);
    if (!before) this.#contents.set(key, value);
    else if (
      before.kind === "batch" &&
      value.kind === "batch" &&
      Buffer.compare(before.commands, value.commands) !== 0
    )
      throw new Violation(`proposal ${key} names two batches`);
  }
}
