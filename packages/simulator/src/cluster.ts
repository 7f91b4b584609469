import { below, describeMessage, Leader, type Message, type Peer, type Random, type Role } from "@synod/core";
import { Checker } from "./checker.js";
import { genesisOf } from "./membership.js";
import { Network } from "./network.js";
import { SimulatedNode } from "./node.js";
import type { WorldOptions } from "./options.js";
import { Trace } from "./trace.js";

/** Messages without which nobody hears of trimming. */
const trimKinds: ReadonlySet<Message["kind"]> = new Set(["trim", "trimmed", "replica-status"]);

/** The nodes, the connections between them, the network below, and the checker that watches all of it. */
export class Cluster {
  readonly options: WorldOptions;
  readonly random: Random;
  readonly checker: Checker;
  readonly network: Network;
  readonly trace = new Trace();
  readonly nodes: readonly SimulatedNode[];
  /** Commands handed to replicas that may still be executed. */
  readonly submitted = new Set<string>();
  now = 0;
  /** While faults may happen. */
  faulty = true;
  /** Open connections, by dialer and dialed; a number each. */
  readonly #connections = new Map<string, number>();
  #connectionNumber = 0;
  readonly #byId: ReadonlyMap<string, SimulatedNode>;
  /** The acceptor that hears of no trimming. */
  readonly #deaf: string | undefined;

  constructor(random: Random, options: WorldOptions) {
    this.random = random;
    this.options = options;
    const genesis = genesisOf(options);
    this.checker = new Checker(genesis);
    this.network = new Network(random, options);
    let incarnation = 0;
    const { checker } = this;
    const surroundings = {
      genesis,
      options,
      random,
      nextIncarnation: () => ++incarnation,
      send: (from: SimulatedNode, to: Peer, message: Message) => this.#send(from, to, message),
      watcher: {
        applies: checker.replicas.applies.bind(checker.replicas),
        executed: checker.executedBy.bind(checker),
        trimPointMoved: checker.replicas.trimPointMoved.bind(checker.replicas),
        durable: checker.replicas.durable.bind(checker.replicas),
        installs: checker.replicas.installs.bind(checker.replicas),
      },
      trims: (acceptor: string, trim: Parameters<typeof checker.replicas.claims>[1]) => {
        checker.replicas.claims(acceptor, trim);
        this.trace.count("trimmed by an acceptor");
      },
      refused: (command: string) => void this.submitted.delete(command),
    };
    const { acceptors, leaders, replicas } = genesis.configuration;
    const spares = Array.from({ length: options.spareAcceptors }, (_, index) => ({
      id: `a${acceptors.length + index + 1}`,
    }));
    this.nodes = (
      [
        ["acceptor", acceptors],
        ["leader", leaders],
        ["replica", replicas],
        ["acceptor", spares],
      ] as const
    ).flatMap(([role, members]) => members.map(({ id }) => new SimulatedNode({ role, id }, surroundings)));
    this.#byId = new Map(this.nodes.map((node) => [node.peer.id, node]));
    this.#deaf = options.deafAcceptor ? this.pick("acceptor").peer.id : undefined;
  }

  node(id: string): SimulatedNode | undefined {
    return this.#byId.get(id);
  }

  /** One of them, at random. */
  pick(role?: Role): SimulatedNode {
    const nodes = role ? this.nodes.filter((node) => node.peer.role === role) : this.nodes;
    return nodes[below(this.random, nodes.length)] as SimulatedNode;
  }

  get acceptors(): SimulatedNode[] {
    return this.nodes.filter((node) => node.peer.role === "acceptor");
  }

  get replicas(): SimulatedNode[] {
    return this.nodes.filter((node) => node.peer.role === "replica");
  }

  note(line: string): void {
    this.trace.note(this.now, line);
  }

  start(node: SimulatedNode): void {
    this.note(`${node.peer.id} starts`);
    node.start();
  }

  crash(node: SimulatedNode): void {
    if (!node.up) return;
    this.trace.count(`crash ${node.peer.role}`);
    this.note(`${node.peer.id} crashes`);
    node.crash();
    for (const other of this.nodes) this.disconnect(node.peer.id, other.peer.id);
  }

  /** Replicas dial leaders, leaders dial acceptors and each other. */
  connect(): void {
    for (const dialer of this.nodes) {
      if (!dialer.up || dialer.paused || dialer.peer.role === "acceptor") continue;
      for (const dialed of this.nodes) {
        const wanted =
          dialer.peer.role === "replica"
            ? dialed.peer.role === "leader"
            : dialed.peer.role !== "replica" && dialed !== dialer;
        if (!wanted || !dialed.up || dialed.paused) continue;
        if (this.#connections.has(`${dialer.peer.id}>${dialed.peer.id}`)) continue;
        if (!this.network.linked(dialer.peer.id, dialed.peer.id)) continue;
        this.#connections.set(`${dialer.peer.id}>${dialed.peer.id}`, ++this.#connectionNumber);
        this.note(`${dialer.peer.id} connects to ${dialed.peer.id}`);
        dialer.step({ kind: "connected", peer: dialed.peer, ...dialed.hello() });
        dialed.step({ kind: "connected", peer: dialer.peer, ...dialer.hello() });
      }
    }
  }

  disconnect(a: string, b: string): void {
    for (const [dialer, dialed] of [
      [a, b],
      [b, a],
    ] as const) {
      if (!this.#connections.delete(`${dialer}>${dialed}`)) continue;
      this.note(`${dialer} loses ${dialed}`);
      const [left, right] = [this.node(dialer), this.node(dialed)];
      if (left?.up && right) left.step({ kind: "disconnected", peer: right.peer });
      if (right?.up && left) right.step({ kind: "disconnected", peer: left.peer });
    }
  }

  /** Connections over links that are cut break. */
  breakCutConnections(): void {
    for (const connection of [...this.#connections.keys()]) {
      const [dialer, dialed] = connection.split(">") as [string, string];
      if (!this.network.linked(dialer, dialed)) this.disconnect(dialer, dialed);
    }
  }

  /** Delivers what arrives now. */
  deliver(): void {
    for (const envelope of this.network.arrivals(this.now)) {
      const { from, to, message, connection, buffered } = envelope;
      const node = this.node(to.id);
      if (!node?.up) continue;
      if (buffered !== node.life && this.#connection(from, to) !== connection) continue;
      if (node.paused) {
        this.network.postpone(envelope, node.life);
        continue;
      }
      this.note(`${from.id} → ${to.id} ${describeMessage(message)}`);
      node.step({ kind: "message", from, message } as never);
    }
  }

  #send(from: SimulatedNode, to: Peer, message: Message): void {
    this.checker.sent(from.peer.id, message, from.disk);
    if (message.kind === "trimmed") this.trace.count("told that it is trimmed");
    if (message.kind === "p1a" && from.role instanceof Leader && from.role.status().phase === "active")
      this.trace.count("p1a of an active leader");
    const connection = this.#connection(from.peer, to);
    if (connection === undefined || this.#unheard(to, message)) return;
    this.network.send(this.now, from.peer, to, message, connection);
  }

  #unheard(to: Peer, { kind }: Message): boolean {
    if (!this.faulty || !trimKinds.has(kind)) return false;
    return this.random() < this.options.trimLoss || (kind === "trim" && to.id === this.#deaf);
  }

  #connection(from: Peer, to: Peer): number | undefined {
    // Leaders dial each other both ways: what one asks and the other answers travels on the asker's connection.
    return this.#connections.get(`${from.id}>${to.id}`) ?? this.#connections.get(`${to.id}>${from.id}`);
  }
}
