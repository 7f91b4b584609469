import { type Ballot, compareBallots, noBallot, sameBallot } from "../ballot.js";
import type { Genesis } from "../configuration.js";
import type { Connected, LeaderInput, Peer } from "../input.js";
import type { Limits } from "../limits.js";
import type {
  FromAcceptor,
  FromLeader,
  HeartbeatAck,
  LeaderStatus,
  Pong,
  ReplicaStatus,
  ToLeader,
} from "../message.js";
import type { Output } from "../output.js";
import type { Random } from "../prng.js";
import { Timeout } from "../timeout.js";
import { Beliefs } from "./beliefs.js";
import { type LeaderContext, leaderContext } from "./leader-context.js";
import type { LeaderState } from "./leader-state.js";
import { Leading } from "./leading.js";
import { Passive } from "./passive.js";
import { ReplicaRequests } from "./replica-requests.js";

export interface LeaderOptions {
  readonly id: string;
  /** Drawn at each start: a restarted leader never uses a ballot again. */
  readonly incarnation: number;
  readonly genesis: Genesis;
  readonly limits: Limits;
  readonly random: Random;
}

/**
 * The leader of PMMC 2.2 (figure 7): either it leads a ballot (`Leading`: scouts and commanders) or it is passive and
 * watches the one who does (`Passive`). Nothing is durable: its memory is the acceptors'.
 */
export class Leader {
  readonly #id: string;
  readonly #incarnation: number;
  readonly #context: LeaderContext;
  readonly #beliefs: Beliefs;
  readonly #requests: ReplicaRequests;
  readonly #heartbeat: Timeout;
  #beat = 0;
  #highest: Ballot = noBallot;
  #state: Passive | Leading;

  constructor({ id, incarnation, genesis, limits, random }: LeaderOptions) {
    this.#id = id;
    this.#incarnation = incarnation;
    this.#context = leaderContext(genesis, limits, random);
    this.#beliefs = new Beliefs(this.#context);
    this.#requests = new ReplicaRequests(this.#context);
    this.#heartbeat = new Timeout(limits.heartbeatTicks);
    this.#state = new Passive(id, noBallot, this.#context);
  }

  step(input: LeaderInput): Output[] {
    const { outputs, replicas } = this.#context;
    const wasActive = this.#active;
    switch (input.kind) {
      case "tick":
        this.#tick();
        break;
      case "connected":
        this.#connected(input);
        break;
      case "disconnected":
        this.#disconnected(input.peer);
        break;
      case "message":
        this.#receive(input.from, input.message);
        break;
    }
    if (this.#active !== wasActive) replicas.tell(this.#status());
    return outputs.take();
  }

  /** The lowest slot whose decision it does not know for certain: what it tells others. */
  get slotOut(): number {
    return this.#context.learned.sure;
  }

  status(): LeaderState {
    const { learned, acceptors } = this.#context;
    const leading = this.#leading;
    return {
      phase: leading ? (leading.active ? "active" : "scouting") : "passive",
      ballot: this.#ballot,
      slotOut: learned.slotOut,
      commanders: leading?.commanders ?? 0,
      queued: leading?.queued ?? 0,
      unreachable: acceptors.unreachable(learned.ruling),
      contradicted: this.#beliefs.contradicted(leading),
    };
  }

  get #leading(): Leading | undefined {
    return this.#state instanceof Leading ? this.#state : undefined;
  }

  get #active(): boolean {
    return this.#leading?.active ?? false;
  }

  get #ballot(): Ballot {
    return this.#state instanceof Leading ? this.#state.ballot : this.#state.watched;
  }

  #tick(): void {
    this.#context.acceptors.tick();
    this.#context.replicas.tick();
    if (this.#state instanceof Leading) {
      this.#state.tick();
      this.#beliefs.tick();
      this.#stepDownIfUseless(this.#state);
    } else this.#state.tick(this.#highest);
    if (!this.#heartbeat.tick()) return;
    this.#heartbeat.start(this.#context.limits.heartbeatTicks);
    this.#beat++;
    this.#context.replicas.tell(this.#status());
    this.#state.beat(this.#beat);
  }

  /** Rule 11: without a majority of a configuration it serves, or without a replica, it makes room for another. */
  #stepDownIfUseless(leading: Leading): void {
    const { acceptors, learned, limits, replicas } = this.#context;
    const cutOff = learned.serving.some((configuration) => !acceptors.reachesMajority(configuration));
    if (cutOff || leading.timedOut || replicas.ticksWithoutAny > limits.suspectAfterTicks)
      this.#becomePassive(noBallot);
  }

  #lead(): void {
    const ballot = { round: this.#highest.round + 1, leader: this.#id, incarnation: this.#incarnation };
    this.#highest = ballot;
    this.#context.acceptors.restart();
    this.#state = new Leading(ballot, this.#context);
  }

  #becomePassive(watched: Ballot): void {
    // Preempted, it asks the acceptors nothing more: what they still owe would never be settled.
    if (!sameBallot(watched, noBallot)) this.#context.acceptors.restart();
    this.#state = new Passive(this.#id, watched, this.#context);
    this.#beliefs.restart();
  }

  #connected({ peer, slotOut, configurations }: Connected): void {
    const { acceptors, learned, outputs, replicas } = this.#context;
    if (peer.role === "replica") {
      replicas.connected(peer.id);
      outputs.send(peer, this.#status());
    }
    if (peer.role === "acceptor") {
      acceptors.connected(peer.id);
      if (this.#state instanceof Leading) this.#state.connected(peer.id);
      else acceptors.answered(peer.id); // It asks nothing more, so no answer would settle what was asked before.
    }
    learned.configured(configurations);
    if (peer.role !== "acceptor") this.#beliefs.claimed(peer, slotOut, this.#leading);
  }

  #disconnected(peer: Peer): void {
    if (peer.role === "acceptor") this.#context.acceptors.disconnected(peer.id);
    if (peer.role === "replica") this.#context.replicas.disconnected(peer.id);
    if (peer.role === "leader" && this.#state instanceof Passive) this.#state.lost(peer.id);
    this.#beliefs.forget(peer);
    if (this.#state instanceof Passive) this.#beliefs.reconsider();
  }

  #receive(from: Peer, message: ToLeader | FromAcceptor | FromLeader): void {
    switch (message.kind) {
      case "propose":
        this.#requests.propose(from, message, this.#state);
        return;
      case "question":
        this.#requests.answer(from, message, this.#state);
        return;
      case "replica-status":
        this.#replicaStatus(from, message);
        return;
      case "ping":
        this.#context.outputs.send(from, this.#pong(message.number));
        return;
      case "pong":
        if (this.#state instanceof Passive) this.#state.pong(from.id, message);
        return;
      case "decision":
        this.#requests.decided(message, this.#leading);
        return;
      case "p1b":
      case "p2b":
      case "heartbeat-ack":
      case "pre-vote-answer":
        this.#receiveFromAcceptor(message);
        return;
      case "trimmed":
        this.#beliefs.trimmed(message.trim, this.#leading);
        this.#context.replicas.tell(message); // It answers a question that was passed on for one of them.
        return;
      case "leader-status":
        return; // Meant for replicas.
    }
  }

  #receiveFromAcceptor(message: FromAcceptor): void {
    const { acceptors, learned } = this.#context;
    const member = learned.ruling.acceptors.find((acceptor) => acceptor.id === message.acceptor);
    if (!member || member.store === message.store) acceptors.answered(message.acceptor);
    if (compareBallots(message.promised, this.#highest) > 0) this.#highest = message.promised;
    if ((message.kind === "p1b" || message.kind === "p2b") && message.trim)
      this.#beliefs.trimmed(message.trim, this.#leading);
    if (message.kind === "heartbeat-ack") this.#passTrim(message);
    if (this.#state instanceof Passive) {
      if (message.kind !== "pre-vote-answer") return;
      this.#state.answer(message);
      if (this.#state.elected) this.#lead();
    } else if (compareBallots(message.promised, this.#state.ballot) > 0) {
      this.#becomePassive(message.promised); // Figure 7: preempted.
    } else {
      if (message.kind === "p1b") this.#state.receiveP1b(message);
      if (message.kind === "p2b") this.#state.receiveP2b(message);
      this.#stepDownIfRefuted(this.#state);
    }
  }

  /** Rule 28: phase 1 did not find what somebody claims to be decided. */
  #stepDownIfRefuted({ refuted, active }: Leading): void {
    if (refuted !== undefined || active) this.#beliefs.refuted(refuted);
    if (refuted !== undefined) this.#becomePassive(noBallot);
  }

  /** Rule 18: an acceptor that has not trimmed as far as is known hears of it, again until it has. */
  #passTrim({ acceptor, trimmedBelow }: HeartbeatAck): void {
    const { trim } = this.#context.learned;
    if (trimmedBelow >= trim.below) return;
    this.#context.outputs.send({ role: "acceptor", id: acceptor }, { kind: "trim", trim });
  }

  #replicaStatus(from: Peer, { slotOut, trimmedBelow, configurations }: ReplicaStatus): void {
    const { learned } = this.#context;
    if (this.#state instanceof Passive) this.#state.told(from.id, slotOut);
    learned.configured(configurations);
    this.#beliefs.claimed(from, slotOut, this.#leading);
    // Acceptors forget what is passed on to them: only what is decided for certain.
    if (trimmedBelow <= learned.sure)
      this.#beliefs.trimmed({ below: trimmedBelow, configurations }, this.#leading);
  }

  #pong(number: number): Pong {
    const leading = this.#leading;
    const ballot = leading?.ballot ?? noBallot;
    return { kind: "pong", number, leading: leading !== undefined, ballot, slotOut: this.slotOut };
  }

  #status(): LeaderStatus {
    const { acceptors, learned } = this.#context;
    const watchedSlotOut = this.#state instanceof Passive ? this.#state.watchedSlotOut : 0;
    return {
      kind: "leader-status",
      active: this.#active,
      ballot: this.#ballot,
      slotOut: Math.max(learned.sure, watchedSlotOut),
      unreachable: acceptors.unreachable(learned.ruling),
    };
  }
}
