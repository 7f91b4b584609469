import { type Ballot, compareBallots, noBallot, sameBallot } from "./ballot.js";
import type { Configuration } from "./configuration.js";
import type { Limits } from "./limits.js";
import type { Pong, PreVoteAnswer, Propose, Question } from "./message.js";
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

/** What a replica waits for, the ticks since it first said so and since it last did, and whether it repeated itself long after. */
interface Waiting {
  readonly incarnation: number;
  readonly number: number;
  ticks: number;
  quietTicks: number;
  starving: boolean;
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
  /** Per replica its highest proposal, and the first slot of its question; and the slot_out it told last. */
  readonly #proposed = new Map<string, Waiting>();
  readonly #asked = new Map<string, Waiting>();
  readonly #slotOuts = new Map<string, number>();
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
    for (const known of [this.#proposed, this.#asked]) {
      for (const [replica, waiting] of known) {
        waiting.ticks++;
        if (++waiting.quietTicks > 4 * this.#limits.reproposeTicks) known.delete(replica);
      }
    }
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
    this.#waits(this.#proposed, proposal.replica, proposal.incarnation, proposal.number);
  }

  /**
   * A replica asked for a slot that is not known here. It starves like one whose proposals nobody decides: they may
   * all be decided in slots that it cannot apply for want of this one.
   */
  asked(replica: string, { from }: Question): void {
    this.#waits(this.#asked, replica, 0, from);
  }

  /** A replica told its slot_out. If that moved, the replica is served. */
  told(replica: string, slotOut: number): void {
    if (slotOut > (this.#slotOuts.get(replica) ?? slotOut)) {
      this.#proposed.delete(replica);
      this.#asked.delete(replica);
    }
    this.#slotOuts.set(replica, slotOut);
  }

  #waits(known: Map<string, Waiting>, replica: string, incarnation: number, number: number): void {
    const first = known.get(replica);
    if (!first || incarnation !== first.incarnation || number > first.number) {
      if (first || known.size < this.#limits.maxQueuedProposals)
        known.set(replica, { incarnation, number, ticks: 0, quietTicks: 0, starving: false });
      return;
    }
    first.quietTicks = 0;
    if (first.ticks >= this.#limits.reproposeTicks) first.starving = true;
  }

  get #unreachable(): boolean {
    return sameBallot(this.watched, noBallot) || this.#silentTicks > this.#suspectAfter;
  }

  get #overrides(): boolean {
    return (
      [...this.#proposed.values(), ...this.#asked.values()].some(({ starving }) => starving) &&
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
