import { type Ballot, compareBallots, noBallot, sameBallot } from "./ballot.js";
import type { Configuration } from "./configuration.js";
import type { Limits } from "./limits.js";
import type { Pong, PreVoteAnswer, Propose } from "./message.js";
import { proposalOf } from "./pvalue.js";
import { Quorum } from "./quorum.js";
import { Timeout } from "./timeout.js";

/** A question to the acceptors: would you promise, and do you still hear the present leader? */
interface Asking {
  readonly ballot: Ballot;
  readonly configuration: Configuration;
  readonly willing: Quorum;
  readonly timeout: Timeout;
}

/** What a passive leader does next. */
export type PassiveStep =
  | { readonly kind: "wait" }
  /** Ask the acceptors of the configuration. */
  | { readonly kind: "pre-vote"; readonly ballot: Ballot; readonly configuration: Configuration }
  /** Too few were willing: wait longer before the next attempt. */
  | { readonly kind: "back-off" };

/**
 * A leader that does not lead (rule 11). It watches the leader whose ballot is above its own, and stands for election
 * only when that one is silent, gone, or starves a proposal; and first asks a majority of acceptors whether they still
 * hear it, which changes nothing on them.
 */
export class Passive {
  readonly #id: string;
  readonly #limits: Limits;
  #watched: Ballot;
  #silentTicks = 0;
  #suspectAfter: number;
  /** The watched leader's slot_out, and for how many ticks it has stood still. */
  #progress = { slotOut: 0, stillTicks: 0 };
  /** Per proposing replica: its highest proposal, the ticks since, and whether it was repeated long after. */
  readonly #proposed = new Map<string, { readonly number: number; ticks: number; starving: boolean }>();
  readonly #delay: Timeout;
  #asking: Asking | undefined;

  /**
   * @param watched the ballot of the leader watched; `noBallot` for nobody
   * @param delayTicks until the first attempt
   * @param jitterTicks added to the time after which the watched leader is suspected
   */
  constructor(id: string, limits: Limits, watched: Ballot, delayTicks: number, jitterTicks: number) {
    this.#id = id;
    this.#limits = limits;
    this.#watched = watched;
    this.#delay = new Timeout(delayTicks);
    this.#suspectAfter = limits.suspectAfterTicks + jitterTicks;
  }

  /** The ballot of the leader watched; `noBallot` when nobody is: one's own earlier incarnation is nobody. */
  get watched(): Ballot {
    return this.#watched.leader === this.#id ? noBallot : this.#watched;
  }

  /** The highest slot_out the watched leader told. */
  get watchedSlotOut(): number {
    return this.#progress.slotOut;
  }

  tick(): void {
    this.#silentTicks++;
    this.#progress.stillTicks++;
    for (const proposal of this.#proposed.values()) proposal.ticks++;
    this.#delay.tick();
    this.#asking?.timeout.tick();
  }

  /** A majority of the acceptors is willing: time to scout. */
  get elected(): boolean {
    return this.#asking?.willing.reached ?? false;
  }

  /** Call once a tick. @param eligible a replica is attached: without one, leading serves nobody */
  next(highest: Ballot, configuration: Configuration, eligible: boolean): PassiveStep {
    if (this.#asking) {
      if (!this.#asking.timeout.fired) return { kind: "wait" };
      this.#asking = undefined;
      return { kind: "back-off" };
    }
    if (!eligible || !this.#delay.fired || !this.#suspects) return { kind: "wait" };
    const ballot = { round: highest.round + 1, leader: this.#id, incarnation: 0 };
    this.#asking = {
      ballot,
      configuration,
      willing: new Quorum(configuration),
      timeout: new Timeout(this.#limits.resendTicks),
    };
    return { kind: "pre-vote", ballot, configuration };
  }

  delay(ticks: number): void {
    this.#delay.start(ticks);
  }

  /** The watched leader's answer to a ping. */
  pong(from: string, pong: Pong): void {
    if (from !== this.watched.leader || sameBallot(this.watched, noBallot)) return;
    if (!pong.leading || compareBallots(pong.ballot, this.#watched) < 0) {
      this.suspect(from);
      return;
    }
    this.#watched = pong.ballot;
    this.#silentTicks = 0;
    if (pong.slotOut > this.#progress.slotOut) this.#progress = { slotOut: pong.slotOut, stillTicks: 0 };
  }

  /** The connection to a leader was refused or reset, or it says that it does not lead. */
  suspect(leader: string): void {
    if (leader === this.#watched.leader) this.#silentTicks = Number.POSITIVE_INFINITY;
  }

  /** An acceptor's answer to the pre-vote. A proposal that starves outweighs that the present leader is still heard. */
  answer(answer: PreVoteAnswer): void {
    const asking = this.#asking;
    if (
      !asking ||
      !sameBallot(answer.asked, asking.ballot) ||
      answer.configuration !== asking.configuration.number
    )
      return;
    if (!asking.willing.binds(answer.acceptor, answer.store)) return;
    const would = compareBallots(asking.ballot, answer.promised) > 0;
    if (would && (!answer.hears || this.#overrides)) asking.willing.count(answer.acceptor, answer.store);
    if (answer.hears && compareBallots(answer.promised, this.#watched) > 0) this.#watch(answer.promised);
  }

  /** A replica proposed. The same number again, long after, means that nobody serves it. */
  proposed(propose: Propose): void {
    const proposal = proposalOf(propose.value);
    if (!proposal) return;
    const first = this.#proposed.get(proposal.replica);
    if (!first || proposal.number > first.number) {
      if (this.#proposed.size < this.#limits.maxQueuedProposals)
        this.#proposed.set(proposal.replica, { number: proposal.number, ticks: 0, starving: false });
    } else if (first.ticks >= this.#limits.reproposeTicks) first.starving = true;
  }

  /** A replica's slot_out moved: it is served. */
  served(replica: string): void {
    this.#proposed.delete(replica);
  }

  get #unreachable(): boolean {
    return sameBallot(this.watched, noBallot) || this.#silentTicks > this.#suspectAfter;
  }

  get #overrides(): boolean {
    return (
      [...this.#proposed.values()].some((proposal) => proposal.starving) &&
      (this.#unreachable || this.#progress.stillTicks > this.#suspectAfter)
    );
  }

  get #suspects(): boolean {
    return this.#unreachable || this.#overrides;
  }

  #watch(ballot: Ballot): void {
    this.#watched = ballot;
    this.#silentTicks = 0;
    this.#progress = { slotOut: 0, stillTicks: 0 };
  }
}
