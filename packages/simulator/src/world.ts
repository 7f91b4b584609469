import {
  below,
  describeMessage,
  Leader,
  type Message,
  majorityOf,
  type Peer,
  type PValue,
  type Random,
  Replica,
  type Role,
  seededRandom,
  type Value,
} from "@synod/core";
import { commandName, simulatedCommand } from "./application.js";
import { Checker, Violation } from "./checker.js";
import { drawChange, genesisOf } from "./membership.js";
import { Network } from "./network.js";
import { SimulatedNode } from "./node.js";
import { drawOptions, simulatedLimits, type WorldOptions } from "./options.js";

export interface RunResult {
  readonly seed: number;
  readonly options: WorldOptions;
  readonly failure: string | undefined;
  /** How often each thing happened. */
  readonly counts: Readonly<Record<string, number>>;
  /** The last lines of the trace, and a hash over all of it: equal for equal seeds. */
  readonly trace: readonly string[];
  readonly traceHash: string;
}

/** What is left when faults stop in a world of option `star`: this leader, this replica and a majority can talk. */
interface Star {
  readonly leader: SimulatedNode;
  readonly replica: SimulatedNode;
  /** Submitted at the replica once all was cut; must be executed there. */
  readonly command: string;
  /** Connections over cut links break; otherwise what is sent on them just vanishes. */
  readonly cutsShow: boolean;
}

/** How many trace lines a result keeps. */
const keptTraceLines = 400;

/**
 * A whole cluster of the real core in one thread. Everything random comes from one seed, so a run is replayed by its
 * number. First any fault may happen; then faults stop, and everything waiting must finish.
 */
export class World {
  readonly #seed: number;
  readonly #random: Random;
  readonly #options: WorldOptions;
  readonly #checker: Checker;
  readonly #network: Network;
  readonly #nodes: SimulatedNode[] = [];
  /** Open connections, by dialer and dialed; a number each. */
  readonly #connections = new Map<string, number>();
  readonly #submitted = new Map<string, { readonly at: number; readonly replica: string }>();
  readonly #counts: Record<string, number> = {};
  readonly #trace: string[] = [];
  #traceHash = 0x811c9dc5;
  #now = 0;
  #incarnation = 0;
  #connectionNumber = 0;
  #command = 0;
  #amnesiac: string | undefined;
  readonly #slow = new Set<string>();
  #changes: (Value & { readonly kind: "configuration" })[] = [];
  #star: Star | undefined;

  constructor(seed: number, overrides: Partial<WorldOptions> = {}) {
    this.#seed = seed;
    this.#random = seededRandom(seed);
    this.#options = { ...drawOptions(this.#random), ...overrides };
    const genesis = genesisOf(this.#options);
    this.#checker = new Checker(genesis);
    this.#network = new Network(this.#random, this.#options);
    const surroundings = {
      genesis,
      limits: this.#options.limits,
      random: this.#random,
      nextIncarnation: () => ++this.#incarnation,
      send: (from: SimulatedNode, to: Peer, message: Message) => this.#send(from, to, message),
      executed: (replica: string, index: number, command: string) =>
        this.#checker.executedBy(replica, index, command),
      refused: (command: string) => this.#submitted.delete(command),
    };
    const { acceptors, leaders, replicas } = genesis.configuration;
    for (const [role, members] of [
      ["acceptor", acceptors],
      ["leader", leaders],
      ["replica", replicas],
    ] as const) {
      for (const { id } of members) this.#nodes.push(new SimulatedNode({ role, id }, surroundings));
    }
    for (let index = 1; index <= this.#options.spareAcceptors; index++)
      this.#nodes.push(
        new SimulatedNode({ role: "acceptor", id: `a${acceptors.length + index}` }, surroundings),
      );
    if (this.#options.slow > 0)
      for (const node of this.#nodes) if (this.#random() < this.#options.slow) this.#slow.add(node.peer.id);
  }

  run(): RunResult {
    let failure: string | undefined;
    try {
      for (const node of this.#nodes) node.start();
      while (this.#now < this.#options.faultyTicks) this.#tick(true);
      if (this.#options.star) this.#makeStar();
      else this.#heal();
      const calm = this.#now;
      while (this.#now < calm + this.#options.calmTicks && !this.#settled()) this.#tick(false);
      this.#demandLiveness();
    } catch (error) {
      failure = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      if (!(error instanceof Error) || !["Violation", "InvariantViolation"].includes(error.name)) throw error;
    }
    const counts = {
      ...this.#counts,
      slots: this.#checker.slots,
      executed: this.#checker.executed,
      configurations: this.#checker.latest.configuration.number - 1,
      ...this.#network.counts,
    };
    const traceHash = (this.#traceHash >>> 0).toString(16).padStart(8, "0");
    return { seed: this.#seed, options: this.#options, failure, counts, trace: this.#trace, traceHash };
  }

  #tick(faulty: boolean): void {
    this.#now++;
    this.#connect();
    if (faulty) this.#faults();
    if (this.#random() < (this.#star ? 0.05 : this.#options.request) && (faulty || this.#star))
      this.#request();
    if (this.#options.reconfigure > 0) this.#reconfigure(faulty);
    if (this.#star?.cutsShow && this.#now % 20 === 0) this.#breakCutConnections();
    for (const envelope of this.#network.arrivals(this.#now)) {
      const node = this.#node(envelope.to.id);
      if (!node?.up || this.#connection(envelope.from, envelope.to) !== envelope.connection) continue;
      if (node.paused) {
        this.#network.postpone(envelope);
        continue;
      }
      this.#note(`${envelope.from.id} → ${envelope.to.id} ${describeMessage(envelope.message)}`);
      node.step({ kind: "message", from: envelope.from, message: envelope.message } as never);
    }
    for (const node of this.#nodes) {
      if (!node.up || node.paused) continue;
      const itsTurn = !this.#slow.has(node.peer.id) || this.#now % 10 === 0;
      if (itsTurn && (!faulty || this.#random() < 0.95)) node.step({ kind: "tick" });
      if (!faulty || this.#random() < this.#options.sync) this.#sync(node);
    }
  }

  #sync(node: SimulatedNode): void {
    for (const record of node.sync()) {
      if (record.kind === "accept" && node.disk)
        this.#checker.voted(node.peer.id, node.disk.store, (record as unknown as { pvalue: PValue }).pvalue);
    }
    node.release();
  }

  #send(from: SimulatedNode, to: Peer, message: Message): void {
    this.#checker.sent(message, from.disk);
    const connection = this.#connection(from.peer, to);
    if (connection !== undefined) this.#network.send(this.#now, from.peer, to, message, connection);
  }

  /** Replicas dial leaders, leaders dial acceptors and each other. */
  #connect(): void {
    for (const dialer of this.#nodes) {
      if (!dialer.up || dialer.paused || dialer.peer.role === "acceptor") continue;
      for (const dialed of this.#nodes) {
        const wanted =
          dialer.peer.role === "replica"
            ? dialed.peer.role === "leader"
            : dialed.peer.role !== "replica" && dialed !== dialer;
        if (
          !wanted ||
          !dialed.up ||
          dialed.paused ||
          this.#connections.has(`${dialer.peer.id}>${dialed.peer.id}`)
        )
          continue;
        if (!this.#network.linked(dialer.peer.id, dialed.peer.id)) continue;
        this.#connections.set(`${dialer.peer.id}>${dialed.peer.id}`, ++this.#connectionNumber);
        this.#note(`${dialer.peer.id} connects to ${dialed.peer.id}`);
        dialer.step({ kind: "connected", peer: dialed.peer, ...dialed.hello() });
        dialed.step({ kind: "connected", peer: dialer.peer, ...dialer.hello() });
      }
    }
  }

  #connection(from: Peer, to: Peer): number | undefined {
    // Leaders dial each other both ways: what one asks and the other answers travels on the asker's connection.
    return this.#connections.get(`${from.id}>${to.id}`) ?? this.#connections.get(`${to.id}>${from.id}`);
  }

  #disconnect(a: string, b: string): void {
    for (const [dialer, dialed] of [
      [a, b],
      [b, a],
    ] as const) {
      if (!this.#connections.delete(`${dialer}>${dialed}`)) continue;
      this.#note(`${dialer} loses ${dialed}`);
      const [left, right] = [this.#node(dialer), this.#node(dialed)];
      if (left?.up && right) left.step({ kind: "disconnected", peer: right.peer });
      if (right?.up && left) right.step({ kind: "disconnected", peer: left.peer });
    }
  }

  #faults(): void {
    const { crash, reset, partition, pause, amnesia } = this.#options;
    if (this.#random() < crash) this.#crash(this.#pick());
    for (const node of this.#nodes) if (!node.up && this.#random() < 0.05) this.#start(node);
    if (this.#random() < reset) {
      this.#count("reset");
      this.#disconnect(this.#pick().peer.id, this.#pick().peer.id);
    }
    if (this.#random() < partition) this.#partition();
    if (this.#random() < 0.03) this.#network.heal();
    if (this.#random() < pause) {
      const node = this.#pick();
      if (node.up) node.paused = !node.paused;
      this.#count("pause");
    }
    for (const node of this.#nodes)
      if (node.paused && this.#random() < this.#options.resume) node.paused = false;
    if (amnesia && this.#amnesiac === undefined && this.#random() < 0.004) this.#forget();
  }

  #crash(node: SimulatedNode): void {
    if (!node.up) return;
    this.#count(`crash ${node.peer.role}`);
    this.#note(`${node.peer.id} crashes`);
    node.crash();
    for (const other of this.#nodes) this.#disconnect(node.peer.id, other.peer.id);
  }

  #start(node: SimulatedNode): void {
    this.#note(`${node.peer.id} starts`);
    node.start();
  }

  #forget(): void {
    const acceptors = this.#acceptors;
    const node = acceptors[below(this.#random, acceptors.length)] as SimulatedNode;
    this.#amnesiac = node.peer.id;
    this.#count("lost directory");
    this.#crash(node);
    node.loseDisk(`new-store-${node.peer.id}`);
  }

  #partition(): void {
    this.#count("partition");
    const oneWay = this.#random() < 0.3;
    const [a, b] = [this.#pick().peer.id, this.#pick().peer.id];
    this.#network.cut(a, b);
    if (!oneWay) this.#network.cut(b, a);
  }

  #request(): void {
    const replicas = this.#nodes.filter((node) => node.peer.role === "replica" && node.up && !node.paused);
    const replica = replicas[below(this.#random, replicas.length)];
    if (!replica) return;
    const commands = Array.from({ length: 1 + below(this.#random, 3) }, () =>
      simulatedCommand(++this.#command),
    );
    for (const command of commands)
      this.#submitted.set(command.clientId, { at: this.#now, replica: replica.peer.id });
    replica.step({ kind: "requests", commands });
  }

  /** Faults stop. A minority of the acceptors may stay down, and one leader and one replica are enough. */
  #heal(): void {
    this.#network.heal();
    this.#network.options = { loss: 0, duplication: 0, maxDelay: 2 };
    const acceptors = this.#acceptors;
    const spare =
      this.#options.reconfigure > 0
        ? 0
        : acceptors.length - majorityOf(acceptors.length) - (this.#amnesiac === undefined ? 0 : 1);
    const resting = new Set(
      acceptors
        .filter((node) => node.peer.id !== this.#amnesiac)
        .slice(0, spare)
        .map((node) => node.peer.id),
    );
    for (const node of this.#nodes) {
      node.paused = false;
      if (this.#random() < 0.5 && resting.has(node.peer.id)) this.#crash(node);
      else if (!node.up) this.#start(node);
    }
    this.#command++;
    for (const node of this.#nodes) {
      if (node.peer.role !== "replica") continue;
      const command = simulatedCommand(++this.#command);
      this.#submitted.set(command.clientId, { at: this.#now, replica: node.peer.id });
      node.step({ kind: "requests", commands: [command] });
    }
  }

  /** Proposes other acceptors, now and again two choices that exclude each other, and repeats it until one is decided. */
  #reconfigure(faulty: boolean): void {
    const latest = this.#checker.latest.configuration;
    if (faulty && this.#random() < this.#options.reconfigure) {
      const proposal = { replica: "operator", incarnation: 1, number: ++this.#command };
      this.#changes.push(drawChange(this.#random, latest, this.#acceptors, proposal));
    }
    if (this.#now % 16 !== 0) return;
    this.#changes = this.#changes.filter(({ configuration }) => configuration.predecessor === latest.number);
    const from = this.#nodes.find((node) => node.peer.role === "replica" && node.up);
    const leaders = this.#nodes.filter((node) => node.role instanceof Leader && !node.paused);
    for (const value of this.#changes) {
      const message = { kind: "propose", slot: 1, value, forwarded: false } as const;
      if (from) for (const leader of leaders) leader.step({ kind: "message", from: from.peer, message });
    }
  }

  /** Faults stop, but most links stay cut for ever, some in one direction only; the members of the star can talk. */
  #makeStar(): void {
    const [leader, replica] = [this.#pick("leader"), this.#pick("replica")];
    const acceptors = this.#acceptors.filter((node) => node.peer.id !== this.#amnesiac);
    while (acceptors.length > majorityOf(this.#options.acceptors) && this.#random() < 0.7)
      acceptors.splice(below(this.#random, acceptors.length), 1);
    const members = [leader, replica, ...acceptors];
    this.#network.options = { loss: 0, duplication: 0, maxDelay: 2 };
    this.#network.heal();
    for (const node of this.#nodes) {
      node.paused = false;
      if (!members.includes(node) && this.#random() < 0.3) this.#crash(node);
      else if (!node.up) this.#start(node);
    }
    const ids = this.#nodes.map((node) => node.peer.id);
    this.#network.cutAtRandom(ids, this.#random(), this.#random() < 0.5);
    for (const node of [replica, ...acceptors]) this.#network.join(leader.peer.id, node.peer.id);
    const command = simulatedCommand(++this.#command);
    this.#star = { leader, replica, command: commandName(command), cutsShow: this.#random() < 0.5 };
    this.#note(`star of ${members.map((node) => node.peer.id).join(" ")}`);
    replica.step({ kind: "requests", commands: [command] });
  }

  #breakCutConnections(): void {
    for (const connection of [...this.#connections.keys()]) {
      const [dialer, dialed] = connection.split(">") as [string, string];
      if (!this.#network.linked(dialer, dialed)) this.#disconnect(dialer, dialed);
    }
  }

  /** Every command whose replica still knows of it was executed, and every replica has executed the same. */
  #settled(): boolean {
    return this.#stuck() === undefined;
  }

  #stuck(): string | undefined {
    if (this.#star) {
      const { leader, replica, command } = this.#star;
      const waits = `${replica.peer.id} still waits for ${command}, and ${leader.peer.id} can serve it`;
      return replica.names.includes(command) ? undefined : waits;
    }
    for (const node of this.#nodes) {
      if (!(node.role instanceof Replica)) continue;
      const { queued, outstanding, slotOut } = node.role.status();
      if (queued + outstanding > 0)
        return `${node.peer.id} still waits for ${outstanding} proposals and ${queued} commands at slot ${slotOut}`;
      if (node.names.length < this.#checker.executed)
        return `${node.peer.id} has executed ${node.names.length} of ${this.#checker.executed} commands`;
    }
    return undefined;
  }

  #demandLiveness(): void {
    const stuck = this.#stuck();
    const leaders = this.#nodes
      .map((node) => (node.role instanceof Leader ? `${node.peer.id} ${node.role.status().phase}` : ""))
      .filter(Boolean);
    if (stuck)
      throw new Violation(
        `${this.#options.calmTicks} ticks after the last fault ${stuck} (${leaders.join(", ")})`,
      );
    const { slots, distinct } = this.#checker.proposals;
    this.#counts["slots with a repeated proposal"] = slots - distinct;
  }

  #pick(role?: Role): SimulatedNode {
    const nodes = role ? this.#nodes.filter((node) => node.peer.role === role) : this.#nodes;
    return nodes[below(this.#random, nodes.length)] as SimulatedNode;
  }

  get #acceptors(): SimulatedNode[] {
    return this.#nodes.filter((node) => node.peer.role === "acceptor");
  }

  #node(id: string): SimulatedNode | undefined {
    return this.#nodes.find((node) => node.peer.id === id);
  }

  #count(kind: string): void {
    this.#counts[kind] = (this.#counts[kind] ?? 0) + 1;
  }

  #note(line: string): void {
    const text = `${this.#now} ${line}`;
    for (let index = 0; index < text.length; index++)
      this.#traceHash = Math.imul(this.#traceHash ^ text.charCodeAt(index), 0x01000193);
    this.#trace.push(text);
    if (this.#trace.length > keptTraceLines) this.#trace.shift();
  }
}

/** Runs one seed. @throws nothing but errors of the simulator itself; a broken promise is in `failure` */
export function simulate(seed: number, overrides: Partial<WorldOptions> = {}): RunResult {
  return new World(seed, overrides).run();
}

export { simulatedLimits };
