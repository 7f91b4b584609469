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
  /** By leader: the proposals that replicas sent to it. */
  readonly #proposed = new Map<string, Set<string>>();
  #votesAsked = 0;

  /** The number of times that acceptors were asked whether they would promise. */
  get votesAsked(): number {
    return this.#votesAsked;
  }

  /** @param acceptors of the configuration that is asked to promise, if `message` asks for that */
  sent(from: Peer, life: number, to: Peer, message: Message, acceptors: number): void {
    if (message.kind === "pre-vote") this.#votesAsked++;
    if (message.kind === "pre-vote-answer") this.#answered(to.id, message);
    if (message.kind === "p1a") this.#stands(from.id, life, message, acceptors);
    if (message.kind === "propose") this.#proposes(from, to.id, message);
  }

  /** A message arrives: what was overtaken or doubled on its way is asked for again as well, as far as a leader can tell. */
  received(from: string, to: string, message: Message): void {
    if (message.kind === "question") this.#asks(to, from, message.from);
    if (message.kind !== "propose") return;
    const proposal = proposalOf(message.value);
    if (proposal) this.#asks(to, `${proposal.replica}.${proposal.incarnation}`, proposal.number);
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

  /** A leader passes on what a replica sent to itself, and not what another leader passed on to it. */
  #proposes(from: Peer, to: string, { value }: Propose): void {
    const proposal = proposalOf(value);
    if (proposal === undefined || value.kind !== "batch") return;
    const key = proposalKey(proposal);
    const sent = (leader: string) => this.#proposed.get(leader) ?? new Set<string>();
    if (from.role === "replica") this.#proposed.set(to, sent(to).add(key));
    else if (!sent(from.id).has(key))
      throw new Violation(
        `${from.id} passes on ${describeValue(value)} to ${to}, which no replica sent to ${from.id}`,
      );
  }
}
