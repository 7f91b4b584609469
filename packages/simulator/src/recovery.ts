import { Acceptor, Leader, majorityOf, type Random, randomBelow } from "@synod/core";
import type { Client } from "./client.js";
import type { Clients } from "./clients.js";
import { type Cluster, pick } from "./cluster.js";
import type { Faults } from "./faults.js";
import type { SimulatedNode } from "./node.js";
import type { PlainCallers } from "./plain-callers.js";
import { Violation } from "./violation.js";

/** The members that can talk after the last fault in a world of option `star`: this leader, this replica and a majority. */
interface Star {
  readonly leader: SimulatedNode;
  readonly replica: SimulatedNode;
  /** Asks that replica for one more command once all was cut; must be told everything it waits for. */
  readonly client: Client;
  /** Connections over cut links break; otherwise what is sent on them just vanishes. */
  readonly cutsShow: boolean;
}

/** Decided between two looks at whether a log is too long. */
const untrimmedSlots = 40;

const calmNetwork = { loss: 0, duplication: 0, delay: "even", maxDelay: 2 } as const;

/** The part of a run after the last fault: what stays as it is, and what must happen all the same. */
export class Recovery {
  readonly #cluster: Cluster;
  readonly #clients: Clients;
  readonly #callers: PlainCallers;
  readonly #faults: Faults;
  readonly #random: Random;
  #star: Star | undefined;
  /** The highest slot chosen when faults stopped. */
  #chosenBefore = 0;

  constructor(cluster: Cluster, clients: Clients, callers: PlainCallers, faults: Faults, random: Random) {
    this.#cluster = cluster;
    this.#clients = clients;
    this.#callers = callers;
    this.#faults = faults;
    this.#random = random;
  }

  begin(): void {
    const { checker, options, network, nodes } = this.#cluster;
    this.#cluster.faulty = false;
    this.#chosenBefore = checker.slotOut - 1;
    network.options = calmNetwork;
    network.heal();
    for (const node of nodes) {
      node.paused = false;
      node.slowSync = false;
      node.hanging = false;
    }
    if (options.star) this.#makeStar();
    else this.#heal();
  }

  tick(): void {
    if (!this.#star) return;
    if (this.#star.cutsShow && this.#cluster.now % 20 === 0) this.#cluster.breakCutConnections();
  }

  /** A minority of the acceptors may stay down, and one leader and one replica are enough. */
  #heal(): void {
    const { acceptors, nodes, options } = this.#cluster;
    const { broken } = this.#faults;
    const spare = options.reconfigure > 0 ? 0 : acceptors.length - majorityOf(acceptors.length) - broken.size;
    const resting = acceptors.filter((node) => !broken.has(node)).slice(0, spare);
    for (const node of nodes) {
      if (resting.includes(node) && this.#random() < 0.5) this.#cluster.crash(node);
      else if (!node.up) this.#cluster.start(node);
    }
    if (!options.quietEnd) for (const client of this.#clients.all) client.want(1);
    this.#callers.askEverywhere();
  }

  /** Faults stop, but most links stay cut for ever, some in one direction only; the members of the star can talk. */
  #makeStar(): void {
    const { network, nodes, options, replicas, leaders } = this.#cluster;
    const random = this.#random;
    const leader = pick(
      random,
      leaders.filter(({ gone }) => !gone),
    );
    // The one that has most is never below the trim point.
    const durable = (node: SimulatedNode) => (node.gone ? -1 : (node.stateDisk?.durableSlot ?? 0));
    const [replica] = [...replicas].sort((a, b) => durable(b) - durable(a)) as [SimulatedNode];
    const acceptors = this.#cluster.acceptors.filter((node) => !this.#faults.broken.has(node));
    // Whichever of them the last configuration has: with spare ones, all must stay.
    while (options.reconfigure === 0 && acceptors.length > majorityOf(options.acceptors) && random() < 0.7)
      acceptors.splice(randomBelow(random, acceptors.length), 1);
    const members = [leader, replica, ...acceptors];
    for (const node of nodes) {
      if (!members.includes(node) && random() < 0.3) this.#cluster.crash(node);
      else if (!node.up) this.#cluster.start(node);
    }
    const ids = nodes.map((node) => node.peer.id);
    network.cutAtRandom(random, ids, random(), random() < 0.5);
    for (const node of [replica, ...acceptors]) network.join(leader.peer.id, node.peer.id);
    this.#cluster.note(`star of ${members.map((node) => node.peer.id).join(" ")}`);
    const [client] = this.#clients.all as [Client];
    client.pinned = replicas.indexOf(replica);
    client.want(1);
    this.#star = { leader, replica, client, cutsShow: random() < 0.5 };
  }

  /** The first thing found that still waits, in words; undefined when nothing does. */
  get stuck(): string | undefined {
    if (this.#star) {
      const { leader, replica, client } = this.#star;
      if (this.#mustBeGivenSnapshot(replica) || this.#waitsBehindSwitch(replica)) return undefined;
      const waits = `${client.id} still waits for ${client.waiting} answers of ${replica.peer.id}, and ${leader.peer.id} can serve it`;
      return client.waiting === 0 ? undefined : waits;
    }
    for (const client of this.#clients.all)
      if (client.waiting > 0) return `${client.id} still waits for ${client.waiting} answers`;
    for (const node of this.#cluster.replicas) {
      const waits = this.#waits(node);
      if (waits) return waits;
    }
    return this.#callers.stuck((node) => this.#cannotBeConfirmed(node)) ?? this.#untrimmed;
  }

  /**
   * Leaders outside the star may reach acceptors too, and go on. Once what they decide was trimmed, the star's replica
   * needs the snapshot of a replica that it cannot reach (rule 19), and nobody is to blame for what it waits for.
   */
  #mustBeGivenSnapshot({ process }: SimulatedNode): boolean {
    return process !== undefined && process.status().slotOut <= this.#cluster.checker.replicas.trimPoint;
  }

  /**
   * It started behind a switch that another one has applied, and takes part only with a state from beyond (rule 32). In a star those
   * who would confirm one (rule 27) may be out of reach.
   */
  #waitsBehindSwitch({ process, takesPart }: SimulatedNode): boolean {
    const { replicas } = this.#cluster;
    const switches = replicas.map((other) => other.process?.engine.system.versions.lastSwitch ?? 0);
    return !takesPart && process !== undefined && process.engine.appliedSlot < Math.max(...switches);
  }

  /**
   * It needs a snapshot, which a majority of the replicas besides it would have to confirm (rule 27), and too many are gone. Those
   * that need one themselves confirm none, and without them whoever is gone is waited for.
   */
  #cannotBeConfirmed(node: SimulatedNode): boolean {
    const { replicas } = this.#cluster;
    const needs = (each: SimulatedNode) => !each.takesPart || this.#mustBeGivenSnapshot(each);
    const others = replicas.filter((other) => other !== node && !other.gone);
    const confirming = others.filter((other) => !needs(other));
    const majority = majorityOf(replicas.length);
    const someGone = replicas.some(({ gone }) => gone);
    return needs(node) && (others.length < majority || (someGone && confirming.length < majority));
  }

  #waits(node: SimulatedNode): string | undefined {
    const { process, peer } = node;
    if (!process || this.#cannotBeConfirmed(node)) return undefined;
    const { queued, outstanding, slotOut, trimmedBelow } = process.status();
    if (queued + outstanding > 0)
      return `${peer.id} still waits for ${outstanding} proposals and ${queued} commands at slot ${slotOut}`;
    // Whoever asked may have got the answer elsewhere, or wait for nothing any more: it is owed all the same (rule 14).
    const { waiting } = process.requests;
    if (waiting > 0) return `${peer.id} proposes nothing more, and owes answers to ${waiting} commands`;
    const { appliedSlot } = process.engine;
    if (appliedSlot < this.#chosenBefore)
      return `${peer.id} has applied slot ${appliedSlot} of ${this.#chosenBefore}; trimmed is below ${trimmedBelow}`;
    return undefined;
  }

  /** Rule 18: every acceptor of the configuration hears of the trim point in the end. */
  get #untrimmed(): string | undefined {
    const { options, checker, acceptors } = this.#cluster;
    if (options.reconfigure > 0) return undefined;
    for (const { role, peer } of acceptors) {
      if (!(role instanceof Acceptor)) continue;
      const { trimmedBelow } = role.status();
      if (trimmedBelow <= checker.replicas.trimPoint)
        return `${peer.id} has trimmed below ${trimmedBelow}; the trim point is ${checker.replicas.trimPoint}`;
    }
    return undefined;
  }

  /** Of a replica's disk nothing stays pinned for nobody: its file would grow, and later readers would find no room. */
  #demandNothingPinned(): void {
    const { options, replicas, ways } = this.#cluster;
    if (options.backups) return;
    for (const node of replicas) {
      const { stateDisk, process, peer } = node;
      if (!stateDisk || !process || ways.asks(node)) continue;
      const { kept } = process.sender;
      if (stateDisk.pinned > kept)
        throw new Violation(
          `${peer.id} has ${stateDisk.pinned} snapshots open, and keeps ${kept} for readers`,
        );
    }
  }

  /** Of a log that nobody catches up from no more stays than it may, and what was decided since the last look. */
  #demandShortLogs(): void {
    const { options, replicas, ways, now } = this.#cluster;
    for (const node of replicas) {
      const { log, process, stateDisk, peer } = node;
      if (!log || !process || !stateDisk || !ways.givers.rests(node, now)) continue;
      if (process.sender.readers.lowestSlot !== undefined) continue;
      const kept = Math.min(stateDisk.durableSlot, log.last) - log.first + 1;
      if (process.performer.halted === undefined && log.first > 0 && kept > options.keptLog + untrimmedSlots)
        throw new Violation(
          `${peer.id} keeps ${kept} slots of its log on disk, and needs ${options.keptLog}`,
        );
    }
  }

  demandLiveness(): void {
    const { stuck } = this;
    if (!stuck) {
      this.#demandNothingPinned();
      this.#demandShortLogs();
      return;
    }
    const leaders = this.#cluster.leaders.flatMap(({ role, peer }) =>
      role instanceof Leader ? [`${peer.id} ${role.status().phase}`] : [],
    );
    const { calmTicks } = this.#cluster.options;
    throw new Violation(`${calmTicks} ticks after the last fault ${stuck} (${leaders.join(", ")})`);
  }
}
