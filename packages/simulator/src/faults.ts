import { Leader } from "@synod/core";
import type { MemoryAcceptorDisk } from "@synod/storage";
import type { Cluster } from "./cluster.js";
import type { FaultEvent } from "./fault-event.js";
import { cutOff, leaveBehind } from "./left-behind.js";
import type { SimulatedNode } from "./node.js";

const hourMs = 3_600_000;

/** Everything that goes wrong, as the events of the run say. */
export class Faults {
  readonly #cluster: Cluster;
  readonly #events: readonly FaultEvent[];
  #next = 0;
  /** By tick: faults that end there, and copies to be taken for later faults. */
  readonly #later = new Map<number, (() => void)[]>();
  readonly #copies = new Map<FaultEvent, MemoryAcceptorDisk>();
  /** Acceptors whose store is lost, or that never return: fewer than a majority. */
  readonly broken = new Set<SimulatedNode>();
  readonly #rolledBack = new Set<SimulatedNode>();
  readonly #failing = new Map<SimulatedNode, number>();
  /** The tick from which each full disk has room again. */
  readonly #full = new Map<SimulatedNode, number>();
  #stores = 0;

  constructor(cluster: Cluster, events: readonly FaultEvent[]) {
    this.#cluster = cluster;
    this.#events = events;
    cluster.greeted = (acceptor) => this.#cure(acceptor);
    for (const event of events)
      if (event.kind === "rolled-back copy")
        this.#at(Math.max(1, event.at - event.ticks), () => this.#copy(event));
  }

  tick(): void {
    const { now } = this.#cluster;
    for (const work of this.#later.get(now) ?? []) work();
    this.#later.delete(now);
    for (let event = this.#events[this.#next]; event && event.at <= now; event = this.#events[++this.#next])
      this.#carryOut(event);
  }

  /** The error with which a write fails now, so that its process must end (rule 4); undefined when it succeeds. */
  failureOfWrite(node: SimulatedNode): Error | undefined {
    if (this.#roomAfter(node) > 0) {
      this.#count("full disk", `the disk of ${node.peer.id} is full`);
      return new Error("ENOSPC: no space left on device, write");
    }
    if (!this.#failing.has(node)) return undefined;
    this.#count("failed sync", `a sync of ${node.peer.id} fails`);
    return new Error("EIO: i/o error, fdatasync");
  }

  /** The process has ended because of its disk. */
  died(node: SimulatedNode): void {
    if (node.rotten) {
      this.#rebuild(node);
      return;
    }
    const ticks = Math.max(this.#failing.get(node) ?? 1, this.#roomAfter(node));
    this.#failing.delete(node);
    this.#crash(node, ticks);
  }

  #roomAfter(node: SimulatedNode): number {
    return Math.max(0, (this.#full.get(node) ?? 0) - this.#cluster.now);
  }

  #at(tick: number, work: () => void): void {
    const works = this.#later.get(tick);
    if (works) works.push(work);
    else this.#later.set(tick, [work]);
  }

  #after(ticks: number, work: () => void): void {
    this.#at(this.#cluster.now + ticks, work);
  }

  #count(kind: string, line: string): void {
    this.#cluster.trace.count(kind);
    this.#cluster.note(line);
  }

  #carryOut(event: FaultEvent): void {
    const { nodes, acceptors, replicas, leaders, network } = this.#cluster;
    const at = (list: readonly SimulatedNode[], place = event.place) =>
      list[place % list.length] as SimulatedNode;
    const { ticks } = event;
    const [a, b] = [at(nodes), at(nodes, event.other)];
    switch (event.kind) {
      case "crash":
        this.#crash(a, ticks);
        return;
      case "crash leader": {
        const active = leaders.find(({ role }) => role instanceof Leader && role.status().phase === "active");
        this.#crash(active ?? at(leaders), ticks);
        return;
      }
      case "reset":
        this.#count("reset", `the connections of ${a.peer.id} and ${b.peer.id} are reset`);
        this.#cluster.disconnect(a.peer.id, b.peer.id, ticks % 2 === 0);
        return;
      case "partition":
        this.#partition(event, a, b);
        return;
      case "one-way partition":
        this.#count(
          "one-way partition",
          `nothing passes from ${a.peer.id} to ${b.peer.id} for ${ticks} ticks`,
        );
        network.cut(a.peer.id, b.peer.id);
        this.#after(ticks, () => network.mend(a.peer.id, b.peer.id));
        return;
      case "slow link":
        this.#count("slow link", `the link of ${a.peer.id} and ${b.peer.id} is slow for ${ticks} ticks`);
        network.slow(a.peer.id, b.peer.id, 1);
        this.#after(ticks, () => network.slow(a.peer.id, b.peer.id, -1));
        return;
      case "pause":
        this.#pause(a, ticks);
        return;
      case "slow sync": {
        const node = at(acceptors);
        this.#count("slow sync", `the disk of ${node.peer.id} is slow for ${ticks} ticks`);
        node.slowSync = true;
        this.#after(ticks, () => {
          node.slowSync = false;
        });
        return;
      }
      case "failed sync":
        this.#failing.set(at([...acceptors, ...replicas]), ticks);
        return;
      case "hanging disk":
        this.#hang(at([...acceptors, ...replicas]), ticks);
        return;
      case "full disk":
        this.#full.set(at([...acceptors, ...replicas]), this.#cluster.now + ticks);
        return;
      case "flipped byte":
        this.#flip(at([...acceptors, ...replicas]), event);
        return;
      case "lost directory":
        this.#loseAcceptor(at(acceptors), ticks);
        return;
      case "lost directory of a replica":
        this.#loseReplica(at(replicas), ticks);
        return;
      case "rolled-back copy":
        this.#rollBack(at(acceptors), event);
        return;
      case "never returns":
        this.#leave(a);
        return;
      case "left behind":
      case "cut off": {
        const left = at(replicas);
        this.#count(event.kind, `${left.peer.id} is ${event.kind}`);
        const carryOut = event.kind === "cut off" ? cutOff : leaveBehind;
        carryOut(this.#cluster, left, ticks, {
          after: (later, work) => this.#after(later, work),
          crash: (node, down) => this.#crash(node, down),
        });
        return;
      }
      case "wall-clock jump": {
        const hours = (event.other % 200) - 100;
        this.#count("wall-clock jump", `the wall clock of ${a.peer.id} jumps by ${hours} hours`);
        a.clock.jump(hours * hourMs);
      }
    }
  }

  #crash(node: SimulatedNode, ticks: number): void {
    this.#cluster.crash(node);
    this.#after(ticks, () => {
      if (!node.up) this.#cluster.start(node);
    });
  }

  #pause(node: SimulatedNode, ticks: number): void {
    if (!node.up || node.paused) return;
    this.#count("pause", `${node.peer.id} pauses for ${ticks} ticks`);
    node.paused = true;
    const { life } = node;
    this.#after(ticks, () => {
      if (node.life === life) node.paused = false;
    });
  }

  /** Cuts the links between two nodes, or between some and the rest. */
  #partition({ ticks, other }: FaultEvent, a: SimulatedNode, b: SimulatedNode): void {
    const { nodes, network } = this.#cluster;
    const ids = nodes.map(({ peer }) => peer.id);
    const side = other % 2 === 0 ? [a.peer.id] : ids.filter((_, index) => (other >> (index % 16)) & 1);
    const rest = other % 2 === 0 ? [b.peer.id] : ids.filter((id) => !side.includes(id));
    this.#count("partition", `${side.join(" ")} apart from ${rest.join(" ")} for ${ticks} ticks`);
    for (const [from, to] of side.flatMap((x) => rest.map((y) => [x, y] as const))) {
      if (from === to) continue;
      for (const [one, another] of [
        [from, to],
        [to, from],
      ] as const) {
        network.cut(one, another);
        this.#after(ticks, () => network.mend(one, another));
      }
    }
  }

  /** Acceptors keep their promise while a majority of every configuration keeps its stores (rule 5). */
  #mayBreak(node: SimulatedNode): boolean {
    if (this.broken.has(node)) return false;
    return this.broken.size + 1 <= Math.floor((this.#cluster.options.acceptors - 1) / 2);
  }

  #loseAcceptor(node: SimulatedNode, ticks: number): void {
    if (!this.#mayBreak(node)) return;
    this.broken.add(node);
    this.#crash(node, ticks);
    this.#replaceStore(node);
    this.#count("lost directory", `${node.peer.id} loses its directory; the next is ${node.disk?.store}`);
  }

  #replaceStore(node: SimulatedNode): void {
    node.loseDisk(`store-${node.peer.id}-${++this.#stores}`);
  }

  #loseReplica(node: SimulatedNode, ticks: number): void {
    if (node.gone || !this.#mayLose(node)) return;
    this.#crash(node, ticks);
    this.#replaceState(node);
  }

  /** A replica with a changed byte on its disk counts as lost before anybody knows of it. */
  #mayLose(node: SimulatedNode): boolean {
    const { checker, options, replicas } = this.#cluster;
    // A promise is lost with the directory that it is in (rule 33).
    if (options.remedies) return false;
    return checker.replicas.mayLose(node.peer.id) && !replicas.some(({ rotten }) => rotten);
  }

  #replaceState(node: SimulatedNode): void {
    const { replicas } = this.#cluster.checker;
    const { id } = node.peer;
    const store = `store-${id}-${++this.#stores}`;
    this.#count("lost directory of a replica", `${id} loses its directory; the next is ${store}`);
    node.loseDisk(store);
    replicas.lost(id, store);
  }

  #hang(node: SimulatedNode, ticks: number): void {
    this.#count("hanging disk", `the disk of ${node.peer.id} hangs for ${ticks} ticks`);
    node.hanging = true;
    this.#after(ticks, () => {
      node.hanging = false;
    });
  }

  /** A stored byte changes under a running process, which finds it by and by, or while the process is down. */
  #flip(node: SimulatedNode, { other, ticks }: FaultEvent): void {
    const acceptor = node.disk !== undefined;
    if (node.gone || !(acceptor ? this.#mayBreak(node) : this.#mayLose(node)) || !node.rot(other)) return;
    if (acceptor) this.broken.add(node);
    this.#count("flipped byte", `a byte on the disk of ${node.peer.id} changes`);
    if (other % 2 === 0) this.#crash(node, ticks);
    else this.#cluster.later(ticks, () => node.scrub());
  }

  /** A store that is not what was written is not used again: the member gets a new one, as operators are told to do. */
  #rebuild(node: SimulatedNode): void {
    this.#cluster.crash(node);
    if (node.disk) this.#replaceStore(node);
    else this.#replaceState(node);
    this.#count("rotten disk replaced", `${node.peer.id} gets a new store`);
    this.#cluster.later(1 + (this.#stores % 20), () => this.#cluster.start(node));
  }

  #copy(event: FaultEvent): void {
    const { acceptors } = this.#cluster;
    const { disk } = acceptors[event.place % acceptors.length] as SimulatedNode;
    if (disk) this.#copies.set(event, disk.copy());
  }

  #rollBack(node: SimulatedNode, event: FaultEvent): void {
    const copy = this.#copies.get(event);
    if (!copy || copy.store !== node.disk?.store || !this.#mayBreak(node)) return;
    this.broken.add(node);
    this.#crash(node, 1 + (event.other % 40));
    this.#count("rolled-back copy", `the store of ${node.peer.id} is as it was ${event.ticks} ticks ago`);
    node.rollBack(copy);
    if (!this.#cluster.options.rollBackUncured) this.#rolledBack.add(node);
  }

  /**
   * A rolled-back store has forgotten promises and might break them, and its start count shows that only sometimes: so whoever puts
   * a copy back replaces the member before it says anything (rule 5).
   */
  #cure(node: SimulatedNode): void {
    if (!this.#rolledBack.delete(node)) return;
    this.#cluster.crash(node);
    this.#replaceStore(node);
    this.#count("rolled-back store replaced", `the rolled-back ${node.peer.id} gets ${node.disk?.store}`);
    this.#after(1, () => this.#cluster.start(node));
  }

  /** A node crashes for good, unless those that are left could not go on. */
  #leave(node: SimulatedNode): void {
    const { leaders, checker } = this.#cluster;
    const { id, role } = node.peer;
    if (node.gone) return;
    if (role === "acceptor") {
      if (!this.#mayBreak(node)) return;
      this.broken.add(node);
    } else if (role === "leader") {
      if (leaders.filter((leader) => !leader.gone).length === 1) return;
    } else {
      if (!this.#mayLose(node) || !checker.replicas.mayLeave(id)) return;
      checker.replicas.left(id);
    }
    this.#count("never returns", `${id} crashes and never returns`);
    this.#cluster.crash(node);
    node.gone = true;
  }
}
