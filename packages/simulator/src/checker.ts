import {
  type Ballot,
  type Configuration,
  compareBallots,
  describeBallot,
  describeValue,
  type Genesis,
  type Message,
  majorityOf,
  type P1b,
  type P2b,
  type Peer,
  type PValue,
  proposalKey,
  proposalOf,
  type RulingConfiguration,
  sameBallot,
  sameValue,
  type TrimRecord,
  type Value,
} from "@synod/core";
import type { MemoryAcceptorDisk } from "@synod/storage";
import { LeaderChecker } from "./leader-checker.js";
import { LogChecker } from "./log-checker.js";
import type { SimulatedNode } from "./node.js";
import type { WorldOptions } from "./options.js";
import { ProposalChecker } from "./proposal-checker.js";
import { ReplicaChecker } from "./replica-checker.js";
import { TrimmedSlotsChecker } from "./trimmed-slots-checker.js";
import { Violation } from "./violation.js";

/** Watches every message and every write of a world, and knows nothing of what the roles believe. */
export class Checker {
  readonly replicas: ReplicaChecker;
  readonly log: LogChecker;
  readonly leaders = new LeaderChecker();
  readonly #trimmed: TrimmedSlotsChecker;
  readonly #proposals: ProposalChecker;
  readonly #window: number;
  /** The configurations decided, and the first slot that each rules; found from the votes alone. */
  readonly #ruling: RulingConfiguration[];
  /** Every slot below has been chosen. */
  #slotOut = 1;
  /** The value that each ballot proposed in each slot. */
  readonly #proposed = new Map<string, Value>();
  readonly #votes = new Map<string, Set<string>>();
  readonly #chosen = new Map<number, PValue>();
  readonly #decided = new Map<number, Value>();
  readonly #highestAnswered = new Map<string, Ballot>();
  /** The life of a leader's process that each ballot is of. */
  readonly #ballots = new Map<string, string>();
  /** The leader, and its incarnation, under which a slot was chosen last. */
  #reign = "";
  #reigns = 0;

  /** The configuration that the world began with. */
  readonly genesis: Genesis;

  constructor(genesis: Genesis, options: WorldOptions, nowMs: () => number) {
    const { window, configuration } = genesis;
    this.genesis = genesis;
    this.#window = window;
    this.#proposals = new ProposalChecker(options.limits);
    this.#trimmed = new TrimmedSlotsChecker(nowMs);
    this.#ruling = [{ from: 1, configuration }];
    this.log = new LogChecker(
      { window, configuration },
      options,
      (slot) => this.#chosen.get(slot)?.value,
      nowMs,
    );
    this.replicas = new ReplicaChecker(
      configuration.replicas.map(({ id }) => id),
      {
        hashAt: (slot) => this.log.hashAt(slot),
        configurationsBelow: (slot) => this.#ruling.slice(1).filter(({ from }) => from - window < slot),
      },
    );
  }

  /** The latest configuration decided. */
  get latest(): RulingConfiguration {
    return this.#ruling.at(-1) as RulingConfiguration;
  }

  /** The number of times that slots began to be chosen under another leader, or another life of the same. */
  get leaderChanges(): number {
    return Math.max(0, this.#reigns - 1);
  }

  /** Every slot below is chosen. */
  get slotOut(): number {
    return this.#slotOut;
  }

  /** Slots that carried a proposal, and how many different proposals they carried (rule 10: as many). */
  get proposals(): { readonly slots: number; readonly distinct: number } {
    const ids = [...this.#decided.values()].map(proposalOf).filter((proposal) => proposal !== undefined);
    return { slots: ids.length, distinct: new Set(ids.map(proposalKey)).size };
  }

  /** A message leaves its sender. */
  sent({ peer, life, disk }: SimulatedNode, to: Peer, message: Message): void {
    this.leaders.sent(peer, life, to, message, this.#electorate(message));
    this.#trimmed.sent(peer, life, message);
    const trim = trimIn(message);
    if (trim) this.replicas.claims(peer.id, trim);
    if (message.kind === "p1a" || message.kind === "heartbeat") this.#using(peer.id, life, message.ballot);
    if (message.kind === "p2a") {
      this.#using(peer.id, life, message.pvalue.ballot);
      this.#proposing(message.pvalue);
    }
    if (message.kind === "propose" && peer.role === "replica") this.#proposals.asked(message.value);
    if (message.kind === "decision") this.#deciding(message.slot, message.value);
    if (message.kind === "leader-status" || message.kind === "replica-status" || message.kind === "pong")
      this.#claiming(peer.id, message.slotOut);
    if (disk && (message.kind === "p1b" || message.kind === "p2b")) {
      if (message.kind === "p1b" || !message.trim) this.#adopting(message);
      this.#answering(message.acceptor, message.promised, disk);
      this.#answeringTrim(message.acceptor, message.trim, disk);
      if (message.kind === "p1b") this.#reporting(message, disk);
    }
  }

  /** A message arrives. */
  received(from: string, to: string, message: Message): void {
    this.leaders.received(from, to, message);
    this.#trimmed.received(to, message);
  }

  /** A replica takes back what it has outstanding. */
  withdrawn(replica: string, incarnation: number): void {
    this.#proposals.withdrawn({ replica, incarnation });
  }

  /** So many commands wait in a replica to be proposed. */
  queued(replica: string, commands: number): void {
    this.#proposals.queued(replica, commands);
  }

  /** An acceptor votes for nothing in a slot that it has trimmed (rule 2). */
  accepting(acceptor: string, { slot, ballot }: PValue, below: number, held: PValue | undefined): void {
    if (held && sameBallot(held.ballot, ballot))
      throw new Violation(
        `${acceptor} writes ${describeBallot(ballot)} in slot ${slot} again, which is on its disk`,
      );
    if (slot < below)
      throw new Violation(
        `${acceptor} accepts ${describeBallot(ballot)} in slot ${slot}, and has trimmed what is below ${below}`,
      );
  }

  /** A vote became durable. */
  voted(acceptor: string, store: string, pvalue: PValue): void {
    const { acceptors } = this.#at(pvalue.slot);
    const member = acceptors.find(({ id }) => id === acceptor);
    if (member?.store !== store) return;
    const key = `${pvalue.slot}/${describeBallot(pvalue.ballot)}`;
    const voters = this.#votes.get(key) ?? new Set();
    this.#votes.set(key, voters.add(acceptor));
    if (voters.size < majorityOf(acceptors.length)) return;
    const chosen = this.#chosen.get(pvalue.slot);
    if (!chosen) {
      this.#chosen.set(pvalue.slot, pvalue);
      this.#proposals.chosen(pvalue.value);
      const reign = `${pvalue.ballot.leader}.${pvalue.ballot.incarnation}`;
      if (reign !== this.#reign) this.#reigns++;
      this.#reign = reign;
      this.#advance();
    } else if (!sameValue(chosen.value, pvalue.value)) {
      throw new Violation(
        `slot ${pvalue.slot}: majorities accepted ${describeValue(chosen.value)} and ${describeValue(pvalue.value)}`,
      );
    }
  }

  /** The number of acceptors in the configuration that a leader asks to promise. */
  #electorate(message: Message): number {
    if (message.kind !== "p1a") return 0;
    const asked = this.#ruling.find(({ configuration }) => configuration.number === message.configuration);
    return (asked ?? this.latest).configuration.acceptors.length;
  }

  /** The configuration that rules a slot. */
  #at(slot: number): Configuration {
    return (this.#ruling.findLast(({ from }) => from <= slot) as RulingConfiguration).configuration;
  }

  /** Rule 22: a configuration chosen in slot s rules from s + WINDOW, unless another had the same predecessor before. */
  #advance(): void {
    for (let next = this.#chosen.get(this.#slotOut); next; next = this.#chosen.get(++this.#slotOut)) {
      this.log.next(this.#slotOut, next.value);
      this.replicas.next(this.#slotOut, next.value);
      if (next.value.kind !== "configuration") continue;
      const { configuration } = next.value;
      if (configuration.predecessor === this.latest.configuration.number)
        this.#ruling.push({ from: this.#slotOut + this.#window, configuration });
    }
  }

  /** Ballots carry an incarnation, so that no life of a leader uses a ballot of another. */
  #using(leader: string, life: number, ballot: Ballot): void {
    const key = describeBallot(ballot);
    const user = `${leader}, life ${life}`;
    const before = this.#ballots.get(key);
    if (before !== undefined && before !== user)
      throw new Violation(`ballot ${key} is used by ${user}, and was used by ${before}`);
    this.#ballots.set(key, user);
  }

  /** Somebody says that everything below a slot is decided. */
  #claiming(who: string, slotOut: number): void {
    if (slotOut > this.#slotOut)
      throw new Violation(`${who} has slot_out ${slotOut}; slot ${this.#slotOut} is not chosen`);
  }

  #proposing(pvalue: PValue): void {
    this.#proposals.placed(pvalue, (slot) => this.#chosen.has(slot));
    if (pvalue.slot >= this.#slotOut + this.#window) {
      throw new Violation(
        `ballot ${describeBallot(pvalue.ballot)} proposes in slot ${pvalue.slot}, beyond the window that begins with slot ${this.#slotOut}`,
      );
    }
    const key = `${pvalue.slot}/${describeBallot(pvalue.ballot)}`;
    const before = this.#proposed.get(key);
    if (before && !sameValue(before, pvalue.value)) {
      throw new Violation(
        `ballot ${describeBallot(pvalue.ballot)} proposed ${describeValue(before)} and ${describeValue(pvalue.value)} in slot ${pvalue.slot}`,
      );
    }
    this.#proposed.set(key, pvalue.value);
    const chosen = this.#chosen.get(pvalue.slot);
    if (
      chosen &&
      compareBallots(pvalue.ballot, chosen.ballot) > 0 &&
      !sameValue(chosen.value, pvalue.value)
    ) {
      throw new Violation(
        `slot ${pvalue.slot} was chosen with ${describeValue(chosen.value)}, and ballot ${describeBallot(pvalue.ballot)} proposes ${describeValue(pvalue.value)}`,
      );
    }
  }

  #deciding(slot: number, value: Value): void {
    const chosen = this.#chosen.get(slot);
    if (!chosen)
      throw new Violation(
        `slot ${slot} is said to be decided with ${describeValue(value)}, but no majority has accepted anything there`,
      );
    if (!sameValue(chosen.value, value)) {
      throw new Violation(
        `slot ${slot} is said to be decided with ${describeValue(value)}, but a majority accepted ${describeValue(chosen.value)}`,
      );
    }
    this.#decided.set(slot, value);
  }

  /** An acceptor that answers has promised what it was asked, or more (rules 1 and 2). */
  #adopting({ kind, acceptor, asked, promised }: P1b | P2b): void {
    if (compareBallots(promised, asked) >= 0) return;
    throw new Violation(
      `${acceptor} answers ${describeBallot(asked)} by a ${kind} that promises ${describeBallot(promised)} only`,
    );
  }

  /** An acceptor's answer rests on what survives a crash at this instant, and its promise never goes back (rules 1 and 3). */
  #answering(acceptor: string, promised: Ballot, disk: MemoryAcceptorDisk): void {
    if (compareBallots(disk.durable.promised, promised) < 0) {
      throw new Violation(
        `${acceptor} answers with promise ${describeBallot(promised)}; on its disk is ${describeBallot(disk.durable.promised)}`,
      );
    }
    const key = `${acceptor}/${disk.store}`;
    const before = this.#highestAnswered.get(key);
    if (before && compareBallots(disk.durable.promised, before) < 0)
      throw new Violation(`the promise of ${acceptor} went back`);
    if (!before || compareBallots(promised, before) > 0) this.#highestAnswered.set(key, promised);
  }

  /** A trim record is on disk before anybody hears of it, and never goes back (rules 3 and 18). */
  #answeringTrim(acceptor: string, trim: TrimRecord | undefined, disk: MemoryAcceptorDisk): void {
    const { below } = disk.durable.trim;
    if (trim && trim.below > below)
      throw new Violation(`${acceptor} answers with trim mark ${trim.below}; on its disk is ${below}`);
    this.replicas.acceptorTrimmed(disk.store, below);
  }

  /**
   * A page of a P1b tells what was on disk when it left, and of its slots everything that was accepted below the ballot that
   * asked (rule 1). What was trimmed since need not be there.
   */
  #reporting({ acceptor, accepted, asked, promised, from, next }: P1b, disk: MemoryAcceptorDisk): void {
    const { durable } = disk;
    const told = new Map(accepted.map((pvalue) => [pvalue.slot, pvalue.ballot]));
    for (const [slot, ballot] of told) {
      const kept = durable.accepted(slot);
      if (slot >= durable.trim.below && (!kept || compareBallots(kept.ballot, ballot) < 0))
        throw new Violation(
          `${acceptor} reports having accepted ${describeBallot(ballot)} in slot ${slot}, which is not on its disk`,
        );
    }
    if (compareBallots(promised, asked) !== 0) return;
    const through = next === 0 ? durable.highestSlot : next - 1;
    for (let slot = Math.max(from, durable.trim.below); slot <= through; slot++) {
      const kept = durable.accepted(slot);
      if (!kept || compareBallots(kept.ballot, asked) >= 0) continue;
      const ballot = told.get(slot);
      if (!ballot || compareBallots(ballot, kept.ballot) < 0)
        throw new Violation(
          `${acceptor} answers ${describeBallot(asked)} without ${describeBallot(kept.ballot)}, which it accepted in slot ${slot}`,
        );
    }
  }
}

/** The trim record that a message carries; undefined without one. */
function trimIn(message: Message): TrimRecord | undefined {
  switch (message.kind) {
    case "trim":
    case "trimmed":
    case "p1b":
    case "p2b":
      return message.trim;
    case "replica-status":
      return { below: message.trimmedBelow, configurations: message.configurations };
    default:
      return undefined;
  }
}
