import { Acceptor, below, Leader, majorityOf, Replica } from "@synod/core";
import type { Clients } from "./clients.js";
import type { Cluster } from "./cluster.js";
import type { Faults } from "./faults.js";
import type { SimulatedNode } from "./node.js";
import { Violation } from "./violation.js";

/** What is left when faults stop in a world of option `star`: this leader, this replica and a majority can talk. */
interface Star {
  readonly leader: SimulatedNode;
  readonly replica: SimulatedNode;
  /** Submitted at the replica once all was cut; must be executed there. */
  readonly command: string;
  /** Connections over cut links break; otherwise what is sent on them just vanishes. */
  readonly cutsShow: boolean;
}

const calmNetwork = { loss: 0, duplication: 0, maxDelay: 2 };

/** The part of a run after the last fault: what stays as it is, and what must happen all the same. */
export class Recovery {
  readonly #cluster: Cluster;
  readonly #clients: Clients;
  readonly #faults: Faults;
  #star: Star | undefined;

  constructor(cluster: Cluster, clients: Clients, faults: Faults) {
    this.#cluster = cluster;
    this.#clients = clients;
    this.#faults = faults;
  }

  begin(): void {
    this.#cluster.faulty = false;
    if (this.#cluster.options.star) this.#makeStar();
    else this.#heal();
  }

  tick(): void {
    if (!this.#star) return;
    if (this.#cluster.random() < 0.05) this.#clients.request();
    if (this.#star.cutsShow && this.#cluster.now % 20 === 0) this.#cluster.breakCutConnections();
  }

  /** A minority of the acceptors may stay down, and one leader and one replica are enough. */
  #heal(): void {
    const { network, acceptors, nodes, replicas, options, random } = this.#cluster;
    const { amnesiac } = this.#faults;
    network.heal();
    network.options = calmNetwork;
    const spare =
      options.reconfigure > 0
        ? 0
        : acceptors.length - majorityOf(acceptors.length) - (amnesiac === undefined ? 0 : 1);
    const able = acceptors.filter((node) => node.peer.id !== amnesiac);
    const resting = new Set(able.slice(0, spare));
    for (const node of nodes) {
      node.paused = false;
      if (random() < 0.5 && resting.has(node)) this.#cluster.crash(node);
      else if (!node.up) this.#cluster.start(node);
    }
    for (const node of replicas) this.#clients.submit(node);
  }

  /** Faults stop, but most links stay cut for ever, some in one direction only; the members of the star can talk. */
  #makeStar(): void {
    const { network, nodes, options, random, replicas } = this.#cluster;
    const leader = this.#cluster.pick("leader");
    // The one that has most is never below the trim point.
    const durable = (node: SimulatedNode) => node.replica?.disk.durable.slot ?? 0;
    const [replica] = [...replicas].sort((a, b) => durable(b) - durable(a)) as [SimulatedNode];
    const acceptors = this.#cluster.acceptors.filter((node) => node.peer.id !== this.#faults.amnesiac);
    while (acceptors.length > majorityOf(options.acceptors) && random() < 0.7)
      acceptors.splice(below(random, acceptors.length), 1);
    const members = [leader, replica, ...acceptors];
    network.options = calmNetwork;
    network.heal();
    for (const node of nodes) {
      node.paused = false;
      if (!members.includes(node) && random() < 0.3) this.#cluster.crash(node);
      else if (!node.up) this.#cluster.start(node);
    }
    const ids = nodes.map((node) => node.peer.id);
    network.cutAtRandom(ids, random(), random() < 0.5);
    for (const node of [replica, ...acceptors]) network.join(leader.peer.id, node.peer.id);
    this.#cluster.note(`star of ${members.map((node) => node.peer.id).join(" ")}`);
    this.#star = { leader, replica, command: this.#clients.submit(replica), cutsShow: random() < 0.5 };
  }

  /** What still waits, in words; undefined when nothing does. */
  get stuck(): string | undefined {
    if (this.#star) {
      const { leader, replica, command } = this.#star;
      const waits = `${replica.peer.id} still waits for ${command}, and ${leader.peer.id} can serve it`;
      return replica.names.includes(command) ? undefined : waits;
    }
    for (const node of this.#cluster.replicas) {
      const waits = this.#waits(node);
      if (waits) return waits;
    }
    return this.#untrimmed;
  }

  #waits({ role, replica, peer, names }: SimulatedNode): string | undefined {
    if (!(role instanceof Replica)) return undefined;
    const { executed } = this.#cluster.checker;
    const { queued, outstanding, slotOut, trimmedBelow } = role.status();
    if (queued + outstanding > 0)
      return `${peer.id} still waits for ${outstanding} proposals and ${queued} commands at slot ${slotOut}`;
    if (names.length < executed)
      return `${peer.id} has executed ${names.length} of ${executed} commands; it is at slot ${replica?.state.slot}, trimmed is below ${trimmedBelow}`;
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

  demandLiveness(): void {
    const { stuck } = this;
    if (!stuck) return;
    const leaders = this.#cluster.nodes.flatMap(({ role, peer }) =>
      role instanceof Leader ? [`${peer.id} ${role.status().phase}`] : [],
    );
    const { calmTicks } = this.#cluster.options;
    throw new Violation(`${calmTicks} ticks after the last fault ${stuck} (${leaders.join(", ")})`);
  }
}
