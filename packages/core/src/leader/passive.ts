import { type Ballot, compareBallots, noBallot, sameBallot } from "../ballot.js";
import type { Configuration } from "../configuration.js";
import type { Ping, Pong, PreVoteAnswer, Propose, Question } from "../message.js";
import { Quorum } from "../quorum.js";
import { Timeout } from "../timeout.js";
import type { LeaderContext } from "./leader-context.js";
import { StarvingReplicas } from "./starving-replicas.js";

/** A question to the acceptors: would you promise, and do you still hear the present leader? */
interface PreVoting {
  readonly ballot: Ballot;
  readonly configuration: Configuration;
  readonly willing: Quorum;
  readonly timeout: Timeout;
}

/**
 * A leader that does not lead (rule 11). It watches the leader whose ballot is above its own, and stands for election
 * only when that one is silent, gone, or starves a replica; and first asks a majority of acceptors whether they still
 * hear it, which changes nothing on them.
 */
export class Passive {
  readonly #id: string;
  readonly #context: LeaderContext;
  readonly #starving: StarvingReplicas;
  #watched: Ballot;
  #silentTicks = 0;
  readonly #suspectAfter: number;
  /** The watched leader's slot_out, and for how many ticks it has stood still. */
  #progress = { slotOut: 0, stillTicks: 0 };
  /** Until the next attempt. */
  readonly #delay: Timeout;
  #preVoting: PreVoting | undefined;

  /** @param watched the ballot of the leader watched; `noBallot` for nobody */
  constructor(id: string, watched: Ballot, context: LeaderContext) {
    this.#id = id;
    this.#context = context;
    this.#starving = new StarvingReplicas(context.limits);
    this.#watched = watched;
    this.#delay = new Timeout(context.delay.next());
    this.#suspectAfter = context.limits.suspectAfterTicks + context.delay.jitter();
  }

  /** The ballot of the leader watched; `noBallot` when nobody is: one's own earlier incarnation is nobody. */
  get watched(): Ballot {
    return this.#watched.leader === this.#id ? noBallot : this.#watched;
  }

  /** The highest slot_out the watched leader told. */
  get watchedSlotOut(): number {
    return this.#progress.slotOut;
  }

  /** A majority of the acceptors is willing: time to scout. */
  get elected(): boolean {
    return this.#preVoting?.willing.reached ?? false;
  }

  /** @param highest the highest ballot heard of, which an attempt has to exceed */
  tick(highest: Ballot): void {
    this.#silentTicks++;
    this.#progress.stillTicks++;
    this.#starving.tick();
    this.#delay.tick();
    if (this.#preVoting) this.#awaitAnswers(this.#preVoting);
    else this.#stand(highest);
  }

  /** At every heartbeat the leader watched is asked whether it still leads. */
  beat(number: number): void {
    this.#tellWatched({ kind: "ping", number });
  }

  /** The watched leader's answer to a ping. */
  pong(from: string, pong: Pong): void {
    if (from !== this.watched.leader || sameBallot(this.watched, noBallot)) return;
    if (!pong.leading || compareBallots(pong.ballot, this.#watched) < 0) {
      this.#silentTicks = Number.POSITIVE_INFINITY;
      return;
    }
    this.#watched = pong.ballot;
    this.#silentTicks = 0;
    if (pong.slotOut > this.#progress.slotOut) this.#progress = { slotOut: pong.slotOut, stillTicks: 0 };
  }

  /** The connection to a leader broke. If it is the one watched, the delay keeps the others from standing all at once. */
  lost(leader: string): void {
    if (leader !== this.watched.leader) return;
    this.#silentTicks = Number.POSITIVE_INFINITY;
    this.#delay.start(this.#context.delay.next());
  }

  /** An acceptor's answer to the pre-vote. A replica that starves outweighs that the present leader is still heard. */
  answer({ acceptor, store, asked, configuration, promised, hears }: PreVoteAnswer): void {
    const voting = this.#preVoting;
    if (!voting || !sameBallot(asked, voting.ballot) || configuration !== voting.configuration.number) return;
    if (!voting.willing.binds(acceptor, store)) return;
    const would = compareBallots(voting.ballot, promised) > 0;
    if (would && (!hears || this.#overrides)) voting.willing.count(acceptor, store);
    if (hears && compareBallots(promised, this.#watched) > 0) this.#watch(promised);
  }

  /** A replica proposed a value that is not known to be decided: it is passed on once. */
  proposed(propose: Propose): void {
    this.#starving.proposed(propose);
    if (!propose.forwarded) this.#tellWatched({ ...propose, forwarded: true });
  }

  /** A replica asked for a slot that is not known here: the question is passed on. */
  asked(replica: string, question: Question): void {
    this.#starving.asked(replica, question);
    this.#tellWatched(question);
  }

  /** A replica told its slot_out. */
  told(replica: string, slotOut: number): void {
    this.#starving.told(replica, slotOut);
  }

  /** Too few were willing in time: the next attempt comes after a longer delay. */
  #awaitAnswers({ timeout }: PreVoting): void {
    if (!timeout.tick()) return;
    this.#preVoting = undefined;
    this.#delay.start(this.#context.delay.next());
  }

  /** Asks the acceptors for their pre-vote, if it is time to. Without a replica attached, leading would serve nobody. */
  #stand(highest: Ballot): void {
    const { acceptors, learned, limits, replicas } = this.#context;
    if (!replicas.any || !this.#delay.fired || !this.#suspects) return;
    const ballot = { round: highest.round + 1, leader: this.#id, incarnation: 0 };
    const configuration = learned.ruling;
    const timeout = new Timeout(Math.min(limits.resendTicks, limits.suspectAfterTicks));
    this.#preVoting = { ballot, configuration, willing: new Quorum(configuration), timeout };
    for (const { id } of configuration.acceptors)
      acceptors.ask(id, { kind: "pre-vote", ballot, configuration: configuration.number });
  }

  get #unreachable(): boolean {
    return sameBallot(this.watched, noBallot) || this.#silentTicks > this.#suspectAfter;
  }

  get #overrides(): boolean {
    return this.#starving.any && (this.#unreachable || this.#progress.stillTicks > this.#suspectAfter);
  }

  get #suspects(): boolean {
    return this.#unreachable || this.#overrides;
  }

  #watch(ballot: Ballot): void {
    this.#watched = ballot;
    this.#silentTicks = 0;
    this.#progress = { slotOut: 0, stillTicks: 0 };
  }

  #tellWatched(message: Propose | Question | Ping): void {
    if (sameBallot(this.watched, noBallot)) return;
    this.#context.outputs.send({ role: "leader", id: this.watched.leader }, message);
  }
}
