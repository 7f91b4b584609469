import { type Ballot, compareBallots, noBallot, sameBallot } from "./ballot.js";
import { type Claim, Claims } from "./claims.js";
import { type Configuration, Configurations, type Genesis, type TrimRecord } from "./configuration.js";
import { Contact } from "./contact.js";
import { Decided } from "./decided.js";
import type { Connected, LeaderInput, Peer } from "./input.js";
import { Leading, type LeadingContext } from "./leading.js";
import type { Limits } from "./limits.js";
import type {
  FromAcceptor,
  FromLeader,
  HeartbeatAck,
  LeaderStatus,
  Message,
  Propose,
  Question,
  ReplicaStatus,
  ToLeader,
} from "./message.js";
import type { Output } from "./output.js";
import { Passive } from "./passive.js";
import { below, type Random } from "./prng.js";
import { proposalKey, proposalOf } from "./pvalue.js";
import { Timeout } from "./timeout.js";

export interface LeaderOptions {
  readonly id: string;
  /** Drawn at each start: a restarted leader never uses a ballot again. */
  readonly incarnation: number;
  readonly genesis: Genesis;
  readonly limits: Limits;
  readonly random: Random;
}

export interface LeaderState {
  readonly phase: "passive" | "scouting" | "active";
  /** Its own ballot when it leads or runs, else the one it watches; `noBallot` for nobody. */
  readonly ballot: Ballot;
  readonly slotOut: number;
  readonly commanders: number;
  readonly queued: number;
  /** Ids of the acceptors it does not reach, of the configuration that rules slot_out. */
  readonly unreachable: readonly string[];
  /**
   * Peers that say more is decided than the acceptors know of (rule 28). An active leader goes on without believing them;
   * one that is told so before it leads does not lead.
   */
  readonly contradicted: readonly Claim[];
}

/**
 * The leader of PMMC 2.2 (figure 7): either it leads a ballot (`Leading`: scouts and commanders) or it is passive and
 * watches the one who does (`Passive`). Nothing is durable: its memory is the acceptors'.
 */
export class Leader {
  readonly #id: string;
  readonly #incarnation: number;
  readonly #limits: Limits;
  readonly #random: Random;
  readonly #configurations: Configurations;
  readonly #decided: Decided;
  readonly #contact: Contact;
  readonly #claims = new Claims();
  /** The slot that is claimed to be decided and was not found by the last phase 1. */
  #refuted: number | undefined;
  readonly #context: LeadingContext;
  readonly #replicas = new Set<string>();
  readonly #heartbeat: Timeout;
  #beat = 0;
  #highest: Ballot = noBallot;
  #scoutNumber = 0;
  /** The largest random delay before the next attempt to lead; grows to a cap, starts anew after a decision. */
  #delayTicks: number;
  #ticksWithoutReplica = 0;
  #state: Passive | Leading;

  constructor(options: LeaderOptions) {
    this.#id = options.id;
    this.#incarnation = options.incarnation;
    this.#limits = options.limits;
    this.#random = options.random;
    this.#configurations = new Configurations(options.genesis);
    this.#decided = new Decided(this.#configurations, options.limits);
    this.#contact = new Contact(options.limits);
    this.#heartbeat = new Timeout(options.limits.heartbeatTicks);
    this.#delayTicks = options.limits.delayTicks;
    this.#context = {
      limits: this.#limits,
      configurations: this.#configurations,
      decided: this.#decided,
      contact: this.#contact,
      announce: (slot, value, outputs) => {
        this.#delayTicks = this.#limits.delayTicks;
        this.#toReplicas({ kind: "decision", slot, value }, outputs);
      },
    };
    this.#state = this.#newPassive(noBallot);
  }

  step(input: LeaderInput): Output[] {
    const outputs: Output[] = [];
    const wasActive = this.#active;
    switch (input.kind) {
      case "tick":
        this.#tick(outputs);
        break;
      case "connected":
        this.#connected(input, outputs);
        break;
      case "disconnected":
        if (input.peer.role === "acceptor") this.#contact.disconnected(input.peer.id);
        if (input.peer.role === "replica") this.#replicas.delete(input.peer.id);
        if (input.peer.role === "leader") this.#lost(input.peer.id);
        this.#claims.forget(input.peer);
        if (this.#state instanceof Passive) this.#reconsider();
        break;
      case "message":
        this.#receive(input.from, input.message, outputs);
        break;
    }
    if (this.#active !== wasActive) this.#toReplicas(this.#status(), outputs);
    return outputs;
  }

  /** The lowest slot whose decision it does not know for certain: what it tells others. */
  get slotOut(): number {
    return this.#decided.sure;
  }

  status(): LeaderState {
    const leading = this.#state instanceof Leading ? this.#state : undefined;
    return {
      phase: leading ? (leading.active ? "active" : "scouting") : "passive",
      ballot: this.#ballot,
      slotOut: this.#decided.slotOut,
      commanders: leading?.commanders ?? 0,
      queued: leading?.queued ?? 0,
      unreachable: this.#contact.unreachable(this.#ruling),
      contradicted: this.#contradicted,
    };
  }

  get #contradicted(): readonly Claim[] {
    if (this.#state instanceof Leading) return this.#claims.doubtedFor(this.#limits.suspectAfterTicks);
    return this.#refuted === undefined ? [] : this.#claims.of(this.#refuted);
  }

  get #active(): boolean {
    return this.#state instanceof Leading && this.#state.active;
  }

  get #ballot(): Ballot {
    return this.#state instanceof Leading ? this.#state.ballot : this.#state.watched;
  }

  get #ruling(): Configuration {
    return this.#configurations.at(this.#decided.slotOut);
  }

  #tick(outputs: Output[]): void {
    this.#contact.tick();
    this.#ticksWithoutReplica = this.#replicas.size > 0 ? 0 : this.#ticksWithoutReplica + 1;
    if (this.#state instanceof Leading) {
      this.#state.tick(outputs);
      this.#claims.tick();
      this.#stepDownIfUseless(this.#state);
    } else {
      this.#state.tick();
      this.#stand(this.#state, outputs);
    }
    if (!this.#heartbeat.tick()) return;
    this.#heartbeat.start(this.#limits.heartbeatTicks);
    this.#beat++;
    this.#toReplicas(this.#status(), outputs);
    if (this.#state instanceof Leading) this.#sendHeartbeats(this.#state, outputs);
    else if (!sameBallot(this.#state.watched, noBallot)) {
      outputs.push({
        kind: "send",
        to: { role: "leader", id: this.#state.watched.leader },
        message: { kind: "ping", number: this.#beat },
      });
    }
  }

  #sendHeartbeats({ ballot }: Leading, outputs: Output[]): void {
    const acceptors = new Set(
      this.#serving.flatMap((configuration) => configuration.acceptors.map((member) => member.id)),
    );
    for (const id of acceptors) {
      this.#contact.asked(id);
      outputs.push({
        kind: "send",
        to: { role: "acceptor", id },
        message: { kind: "heartbeat", ballot, beat: this.#beat },
      });
    }
  }

  get #serving(): readonly Configuration[] {
    return this.#configurations.serving(
      this.#decided.slotOut,
      this.#decided.slotOut + this.#configurations.window,
    );
  }

  /** Rule 11: without a majority of a configuration it serves, or without a replica, it makes room for another. */
  #stepDownIfUseless(leading: Leading): void {
    const cutOff = this.#serving.some((configuration) => !this.#contact.reachesMajority(configuration));
    if (cutOff || leading.hopeless || this.#ticksWithoutReplica > this.#limits.suspectAfterTicks)
      this.#becomePassive(noBallot);
  }

  #stand(passive: Passive, outputs: Output[]): void {
    const next = passive.next(this.#highest, this.#ruling, this.#replicas.size > 0);
    if (next.kind === "back-off") passive.delay(this.#nextDelay());
    if (next.kind === "pre-vote") {
      for (const { id } of next.configuration.acceptors) {
        this.#contact.asked(id);
        const message = {
          kind: "pre-vote",
          ballot: next.ballot,
          configuration: next.configuration.number,
        } as const;
        outputs.push({ kind: "send", to: { role: "acceptor", id }, message });
      }
    }
  }

  #scout(outputs: Output[]): void {
    const ballot = { round: this.#highest.round + 1, leader: this.#id, incarnation: this.#incarnation };
    this.#highest = ballot;
    this.#contact.restart();
    this.#state = new Leading(ballot, this.#scoutNumber, this.#context, outputs);
  }

  #connected({ peer, slotOut, configurations }: Connected, outputs: Output[]): void {
    if (peer.role === "replica") {
      this.#replicas.add(peer.id);
      outputs.push({ kind: "send", to: peer, message: this.#status() });
    }
    if (peer.role === "acceptor") {
      this.#contact.connected(peer.id);
      if (this.#state instanceof Leading) this.#state.connected(peer.id, outputs);
      else this.#contact.answered(peer.id); // It asks nothing more, so no answer would settle what was asked before.
    }
    this.#decided.configured(configurations);
    if (peer.role !== "acceptor") this.#claim(peer, slotOut, outputs);
  }

  /** The connection to a fellow leader broke. If it is the one watched, the delay keeps the others from standing all at once. */
  #lost(leader: string): void {
    if (!(this.#state instanceof Passive) || leader !== this.#state.watched.leader) return;
    this.#state.suspect(leader);
    this.#state.delay(this.#nextDelay());
  }

  #receive(from: Peer, message: ToLeader | FromAcceptor | FromLeader, outputs: Output[]): void {
    switch (message.kind) {
      case "propose":
        this.#propose(from, message, outputs);
        return;
      case "question":
        this.#answer(from, message, outputs);
        return;
      case "replica-status":
        this.#replicaStatus(from, message, outputs);
        return;
      case "ping":
        this.#pong(from, message.number, outputs);
        return;
      case "pong":
        if (this.#state instanceof Passive) this.#state.pong(from.id, message);
        return;
      case "decision":
        this.#passOn(message.slot, message, outputs);
        return;
      case "p1b":
      case "p2b":
      case "heartbeat-ack":
      case "pre-vote-answer":
        this.#receiveFromAcceptor(message, outputs);
        return;
      case "trimmed":
        // What was asked on behalf of a replica.
        this.#learnTrim(message.trim, outputs);
        this.#toReplicas(message, outputs);
        return;
      case "leader-status":
        return; // Meant for replicas.
    }
  }

  #receiveFromAcceptor(message: FromAcceptor, outputs: Output[]): void {
    const member = this.#ruling.acceptors.find((acceptor) => acceptor.id === message.acceptor);
    if (!member || member.store === message.store) this.#contact.answered(message.acceptor);
    if (compareBallots(message.promised, this.#highest) > 0) this.#highest = message.promised;
    if ((message.kind === "p1b" || message.kind === "p2b") && message.trim)
      this.#learnTrim(message.trim, outputs);
    if (message.kind === "heartbeat-ack") this.#passTrim(message, outputs);
    if (this.#state instanceof Passive) {
      if (message.kind !== "pre-vote-answer") return;
      this.#state.answer(message);
      if (this.#state.elected) this.#scout(outputs);
      return;
    }
    const preemptor = this.#preemptor(this.#state, message, outputs);
    if (preemptor) this.#becomePassive(preemptor);
    else if (this.#state.refuted !== undefined) {
      this.#refuted = this.#state.refuted;
      this.#becomePassive(noBallot);
    } else if (this.#state.active) this.#refuted = undefined;
  }

  /** Rule 18: an acceptor that has not trimmed as far as is known hears of it, again until it has. */
  #passTrim({ acceptor, trimmedBelow }: HeartbeatAck, outputs: Output[]): void {
    const { trim } = this.#decided;
    if (trimmedBelow >= trim.below) return;
    outputs.push({ kind: "send", to: { role: "acceptor", id: acceptor }, message: { kind: "trim", trim } });
  }

  #preemptor(leading: Leading, message: FromAcceptor, outputs: Output[]): Ballot | undefined {
    if (message.kind === "p1b") return leading.receiveP1b(message, outputs);
    if (message.kind === "p2b") return leading.receiveP2b(message, outputs);
    return compareBallots(message.promised, leading.ballot) > 0 ? message.promised : undefined;
  }

  /** Rules 9, 10 and 11: answered if decided, given a slot if active, else passed on once to the leader watched. */
  #propose(from: Peer, message: Propose, outputs: Output[]): void {
    const proposal = proposalOf(message.value);
    if (!proposal) return;
    const slot = this.#decided.slotOf(proposalKey(proposal));
    const value = slot === undefined ? undefined : this.#decided.get(slot);
    if (slot !== undefined && value) {
      outputs.push({ kind: "send", to: from, message: { kind: "decision", slot, value } });
    } else if (this.#state instanceof Leading) {
      this.#state.propose(message.value, proposal, outputs);
    } else {
      this.#state.proposed(message);
      if (!message.forwarded) this.#forward({ ...message, forwarded: true }, outputs);
    }
  }

  /** Rules 9 and 15. */
  #answer(from: Peer, question: Question, outputs: Output[]): void {
    const until = Math.min(question.through, question.from + this.#limits.maxAnswerSlots - 1);
    let bytes = 0;
    for (let slot = question.from; slot <= until && bytes <= this.#limits.maxAnswerBytes; slot++) {
      const value = this.#decided.get(slot);
      if (value) {
        bytes += value.kind === "batch" ? value.commands.length : 0;
        outputs.push({ kind: "send", to: from, message: { kind: "decision", slot, value } });
        continue;
      }
      if (slot < this.#decided.trim.below) {
        outputs.push({ kind: "send", to: from, message: { kind: "trimmed", trim: this.#decided.trim } });
        return;
      }
      if (this.#state instanceof Passive) {
        if (from.role !== "replica") return;
        const rest = { kind: "question", from: slot, through: question.through } as const;
        this.#state.asked(from.id, rest);
        this.#forward(rest, outputs);
      } else if (slot < this.#decided.slotOut) this.#state.recall(slot, from, outputs);
      else this.#state.fillThrough(until, outputs);
      return;
    }
  }

  #forward(message: Propose | Question, outputs: Output[]): void {
    if (!(this.#state instanceof Passive) || sameBallot(this.#state.watched, noBallot)) return;
    outputs.push({ kind: "send", to: { role: "leader", id: this.#state.watched.leader }, message });
  }

  /** A decision that was asked for on behalf of a replica. */
  #passOn(slot: number, message: Message, outputs: Output[]): void {
    if (message.kind !== "decision") return;
    if (slot >= this.#decided.slotOut) this.#decided.learn(slot, message.value);
    this.#toReplicas(message, outputs);
    if (this.#state instanceof Leading) this.#state.settled(outputs);
  }

  #replicaStatus(from: Peer, status: ReplicaStatus, outputs: Output[]): void {
    const { slotOut, configurations, trimmedBelow } = status;
    if (this.#state instanceof Passive) this.#state.told(from.id, slotOut);
    this.#decided.configured(configurations);
    this.#claim(from, slotOut, outputs);
    // Acceptors forget what is passed on to them: only what is decided for certain.
    if (trimmedBelow <= this.#decided.sure) this.#learnTrim({ below: trimmedBelow, configurations }, outputs);
  }

  #learnTrim(trim: TrimRecord, outputs: Output[]): void {
    if (trim.below <= this.#decided.trim.below) return;
    const before = this.#decided.slotOut;
    this.#decided.trimmed(trim);
    if (this.#state instanceof Leading) this.#state.trimmed(outputs);
    this.#settle(before, outputs);
  }

  /**
   * A peer says that everything below `slotOut` is decided. A passive leader believes it until its own phase 1 can tell; one
   * that leads believes what its phase 1 and its proposals show (rule 28).
   */
  #claim(peer: Peer, slotOut: number, outputs: Output[]): void {
    const before = this.#decided.slotOut;
    this.#claims.told(peer, slotOut);
    const shown = slotOut <= before || !(this.#state instanceof Leading) || this.#state.shows(slotOut);
    if (shown === false) this.#claims.doubted(peer);
    if (shown !== true) return;
    this.#claims.believed(peer);
    this.#decided.claimed(slotOut);
    if (this.#state instanceof Leading && slotOut > before) this.#decided.proved(slotOut);
    this.#settle(before, outputs);
  }

  /** What is claimed now, and nothing that somebody claimed before. */
  #reconsider(): void {
    this.#decided.doubt();
    this.#decided.claimed(this.#claims.highest);
  }

  #settle(before: number, outputs: Output[]): void {
    if (this.#decided.slotOut === before) return;
    this.#delayTicks = this.#limits.delayTicks;
    if (this.#state instanceof Leading) this.#state.settled(outputs);
  }

  #pong(to: Peer, number: number, outputs: Output[]): void {
    const leading = this.#state instanceof Leading ? this.#state : undefined;
    const ballot = leading?.ballot ?? noBallot;
    const message = {
      kind: "pong",
      number,
      leading: leading !== undefined,
      ballot,
      slotOut: this.#decided.sure,
    } as const;
    outputs.push({ kind: "send", to, message });
  }

  #becomePassive(watched: Ballot): void {
    if (this.#state instanceof Leading) this.#scoutNumber = this.#state.scoutNumber;
    // Preempted, it asks the acceptors nothing more: what they still owe would never be settled.
    if (!sameBallot(watched, noBallot)) this.#contact.restart();
    this.#state = this.#newPassive(watched);
    this.#claims.restart();
    this.#reconsider();
  }

  #newPassive(watched: Ballot): Passive {
    return new Passive(
      this.#id,
      this.#limits,
      watched,
      this.#nextDelay(),
      below(this.#random, this.#limits.delayTicks),
    );
  }

  #nextDelay(): number {
    const ticks = 1 + below(this.#random, this.#delayTicks);
    this.#delayTicks = Math.min(this.#delayTicks * 2, this.#limits.maxDelayTicks);
    return ticks;
  }

  #status(): LeaderStatus {
    const watchedSlotOut = this.#state instanceof Passive ? this.#state.watchedSlotOut : 0;
    return {
      kind: "leader-status",
      active: this.#active,
      ballot: this.#ballot,
      slotOut: Math.max(this.#decided.sure, watchedSlotOut),
      unreachable: this.#contact.unreachable(this.#ruling),
    };
  }

  #toReplicas(message: Message, outputs: Output[]): void {
    for (const id of this.#replicas) outputs.push({ kind: "send", to: { role: "replica", id }, message });
  }
}
