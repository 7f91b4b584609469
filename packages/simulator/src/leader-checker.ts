import {
  compareBallots,
  describeBallot,
  describeValue,
  type Message,
  majorityOf,
  type P1a,
  type Peer,
  type PreVoteAnswer,
  type Propose,
  proposalKey,
  proposalOf,
} from "@synod/core";
import { Violation } from "./violation.js";

/** The life of a leader's process that stood last, and the round in which it did. */
interface Stood {
  readonly life: number;
  readonly round: number;
}

/** Watches when leaders stand for election, and what they pass on to each other (rule 11). */
export class LeaderChecker {
  /** By leader and round: the acceptors that would promise and hear nobody else. */
  readonly #willing = new Map<string, Map<number, Set<string>>>();
  readonly #stood = new Map<string, Stood>();
  /** By leader and replica: the highest proposal, and the first slot of a question, that came to it since it stood last. */
  readonly #asked = new Map<string, Map<string, number>>();
  /** Leaders that were asked for the same again: the replica may be starving, which outweighs that another leader is heard. */
  readonly #askedAgain = new Set<string>();
  /** By leader and proposal: the times that it came from a replica, less those that it was passed on. */
  readonly #toPassOn = new Map<string, number>();
  /** By the life of a leader, scout and acceptor: the first slot of the page asked for last. */
  readonly #pages = new Map<string, number>();
  #votesAsked = 0;

  /** The number of times that acceptors were asked whether they would promise. */
  get votesAsked(): number {
    return this.#votesAsked;
  }

  /** @param acceptors of the configuration that is asked to promise, if `message` asks for that */
  sent(from: Peer, life: number, to: Peer, message: Message, acceptors: number): void {
    if (message.kind === "pre-vote") this.#votesAsked++;
    if (message.kind === "pre-vote-answer") this.#answered(to.id, message);
    if (message.kind === "p1a") {
      this.#stands(from.id, life, message, acceptors);
      this.#turns(`${from.id}, life ${life}`, to.id, message);
    }
    if (message.kind === "propose" && from.role === "leader") this.#passesOn(from.id, to.id, message);
  }

  /** A message arrives: what was overtaken or doubled on its way is asked for again as well, as far as a leader can tell. */
  received(from: string, to: string, message: Message): void {
    if (message.kind === "question") this.#asks(to, from, message.from);
    if (message.kind !== "propose") return;
    const proposal = proposalOf(message.value);
    if (!proposal) return;
    this.#asks(to, `${proposal.replica}.${proposal.incarnation}`, proposal.number);
    if (message.forwarded) return;
    const key = `${to}/${proposalKey(proposal)}`;
    this.#toPassOn.set(key, (this.#toPassOn.get(key) ?? 0) + 1);
  }

  #answered(leader: string, { acceptor, asked, promised, hears }: PreVoteAnswer): void {
    if (hears || compareBallots(asked, promised) <= 0) return;
    const rounds = this.#willing.get(leader) ?? new Map<number, Set<string>>();
    this.#willing.set(leader, rounds);
    rounds.set(asked.round, (rounds.get(asked.round) ?? new Set()).add(acceptor));
  }

  /** It asks to be promised only when a majority was willing, or it was asked for the same again by a replica. */
  #stands(leader: string, life: number, { ballot }: P1a, acceptors: number): void {
    const before = this.#stood.get(leader);
    const after = before?.life === life ? before.round : 0;
    if (before?.life === life && ballot.round <= after) return;
    this.#stood.set(leader, { life, round: ballot.round });
    const rounds = [...(this.#willing.get(leader) ?? [])];
    const elected = rounds.some(
      ([round, willing]) => round > after && round <= ballot.round && willing.size >= majorityOf(acceptors),
    );
    if (!elected && !this.#askedAgain.has(leader))
      throw new Violation(
        `${leader} stands with ballot ${describeBallot(ballot)}; no majority said that it hears no other leader`,
      );
    this.#askedAgain.delete(leader);
    this.#asked.delete(leader);
  }

  #asks(leader: string, what: string, number: number): void {
    const asked = this.#asked.get(leader) ?? new Map<string, number>();
    this.#asked.set(leader, asked);
    if (number <= (asked.get(what) ?? -1)) this.#askedAgain.add(leader);
    else asked.set(what, number);
  }

  /** Each acceptor is asked for its pages in their order: one that was told is not asked for again (rule 6). */
  #turns(leader: string, acceptor: string, { scout, from }: P1a): void {
    const key = `${leader}, scout ${scout}, ${acceptor}`;
    const last = this.#pages.get(key) ?? 0;
    if (from < last)
      throw new Violation(
        `${leader} asks ${acceptor} for the page at slot ${from}, and for scout ${scout} was at slot ${last}`,
      );
    this.#pages.set(key, from);
  }

  /** A leader passes on what a replica sent to itself, once each time, and not what another leader passed on to it. */
  #passesOn(leader: string, to: string, { value }: Propose): void {
    const proposal = proposalOf(value);
    if (proposal === undefined || value.kind !== "batch") return;
    const key = `${leader}/${proposalKey(proposal)}`;
    const left = this.#toPassOn.get(key) ?? 0;
    if (left === 0)
      throw new Violation(
        `${leader} passes on ${describeValue(value)} to ${to}, and more often than a replica sent it to ${leader}`,
      );
    this.#toPassOn.set(key, left - 1);
  }
}
