import {
  type AcceptorRecord,
  describeMessage,
  Leader,
  type Member,
  type Message,
  type Peer,
  type Random,
  type Role,
  randomBelow,
} from "@synod/core";
import { ExitCode } from "@synod/node/parts";
import type { Engine } from "@synod/state-machine";
import { StoreError } from "@synod/storage";
import { AttachedChecker } from "./attached-checker.js";
import { Checker } from "./checker.js";
import { genesisOf } from "./membership.js";
import { decodeMessage, encodeMessage, isAnswer } from "./message-codec.js";
import { Network } from "./network.js";
import { SimulatedNode } from "./node.js";
import type { WorldOptions } from "./options.js";
import { PeerStreams } from "./peer-streams.js";
import { LethalCommands, type WatchedProcess } from "./remedies/lethal-commands.js";
import type { Streams } from "./streams.js";
import type { Trace } from "./trace.js";
import { Ways } from "./ways.js";

/** Messages without which nobody hears of trimming. */
const trimKinds: ReadonlySet<Message["kind"]> = new Set(["trim", "trimmed", "replica-status"]);

/** The nodes, the connections between them, the network below, and the checker that watches all of it. */
export class Cluster {
  readonly options: WorldOptions;
  readonly streams: Streams;
  readonly checker: Checker;
  readonly network: Network;
  readonly trace: Trace;
  readonly ways = new Ways(this);
  readonly peerStreams = new PeerStreams(this);
  readonly #attached = new AttachedChecker();
  readonly nodes: readonly SimulatedNode[];
  readonly acceptors: readonly SimulatedNode[];
  readonly leaders: readonly SimulatedNode[];
  readonly replicas: readonly SimulatedNode[];
  /** In worlds where some commands end the processes that execute them. */
  readonly lethal: LethalCommands | undefined;
  now = 0;
  /** While faults may happen. */
  faulty = true;
  /** Told of a connection to an acceptor, before anything is said on it. */
  greeted: (acceptor: SimulatedNode) => void = () => {};
  /** Told of a replica whose build lacks the version in force. */
  lacked: (replica: SimulatedNode) => void = () => {};
  /** Told of a replica that runs on another ground than what is in force. */
  stoodOnAnother: (replica: SimulatedNode) => void = () => {};
  /** Work to do later, by tick. */
  readonly #later = new Map<number, (() => void)[]>();
  readonly #died: SimulatedNode[] = [];
  /** The error that a role or its host threw. */
  #failure: unknown;
  /** Open connections, by dialer and dialed; a number each. */
  readonly #connections = new Map<string, number>();
  #connectionNumber = 0;
  readonly #byId: ReadonlyMap<string, SimulatedNode>;
  /** The acceptor that hears of no trimming. */
  readonly #deaf: string | undefined;

  constructor(streams: Streams, options: WorldOptions, trace: Trace) {
    this.streams = streams;
    this.options = options;
    this.trace = trace;
    const genesis = genesisOf(options);
    const nowMs = () => this.now * options.limits.tickMs;
    this.checker = new Checker(genesis, options, nowMs);
    this.network = new Network(streams.network, options);
    let incarnation = 0;
    let nonces = 0;
    const { checker } = this;
    const { replicas: disks, log } = checker;
    if (options.remedies) this.lethal = new LethalCommands(randomBelow(streams.remedies, 1 << 30), log);
    const surroundings = {
      genesis,
      options,
      streams,
      nowMs,
      nextIncarnation: () => ++incarnation,
      nonce: () => `nonce-${++nonces}`,
      send: (from: SimulatedNode, to: Peer, message: Message) => this.#send(from, to, message),
      loses: (from: SimulatedNode, to: Peer, message: Message) => this.#loses(from, to, message),
      dial: (from: SimulatedNode) => this.peerStreams.dialOf(from),
      watcher: {
        applied: (...[replica, slot, value, engine, answers]: Parameters<typeof log.applied>) => {
          trace.note(this.now, `${replica} applied ${slot} hash ${engine.hash}`);
          log.applied(replica, slot, value, engine, answers);
        },
        trimPointMoved: disks.trimPointMoved.bind(disks),
        durable: disks.durable.bind(disks),
        installed: (replica: string, appliedSlot: number, engine: Engine) => {
          trace.count("snapshot");
          trace.note(this.now, `${replica} takes in the state after slot ${engine.appliedSlot}`);
          disks.installed(replica, appliedSlot, engine.appliedSlot);
          log.installed(replica, engine);
          this.ways.givers.replaced(replica);
        },
      },
      reach: (from: SimulatedNode, peer: Member) => this.ways.reach(from, peer),
      lacked: (node: SimulatedNode) => this.lacked(node),
      stoodOnAnother: (node: SimulatedNode) => this.stoodOnAnother(node),
      waitedForRemedy: () => trace.count("replica waits for a remedy"),
      watchOver: (process: WatchedProcess) => this.lethal?.watchOver(process),
      killed: (node: SimulatedNode) => this.#killed(node),
      logged: (fields: object) => {
        if ((fields as { err?: unknown }).err instanceof RangeError) trace.count("snapshot too old");
      },
      withdraws: (replica: string, incarnation: number) => {
        trace.count("withdrawal");
        checker.withdrawn(replica, incarnation);
      },
      writes: (node: SimulatedNode, record: AcceptorRecord) => this.#writes(node, record),
      persisted: (node: SimulatedNode, records: readonly AcceptorRecord[]) => this.#persisted(node, records),
      ended: (node: SimulatedNode, code: number, error: unknown) => this.#ended(node, code, error),
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
    const of = (role: Role) => this.nodes.filter((node) => node.peer.role === role);
    this.acceptors = of("acceptor");
    this.leaders = of("leader");
    this.replicas = of("replica");
    this.#byId = new Map(this.nodes.map((node) => [node.peer.id, node]));
    this.#deaf = options.deafAcceptor ? pick(streams.network, this.acceptors).peer.id : undefined;
  }

  /** Calls after so many ticks, before nodes have the processor. */
  later(ticks: number, work: () => void): void {
    const at = this.now + Math.max(1, ticks);
    const others = this.#later.get(at);
    if (others) others.push(work);
    else this.#later.set(at, [work]);
  }

  /** Calls the work that is due now. */
  arrive(): void {
    for (const work of this.#later.get(this.now) ?? []) this.#attempt(work, () => this.#died.length > 0);
    this.#later.delete(this.now);
  }

  /** A process has the processor. */
  run(node: SimulatedNode, work: () => void): void {
    this.#attempt(work, () => this.hasEnded(node));
  }

  /** Does work that may read a disk. A process that finds damage there has been told to end, and nobody gets an answer. */
  #attempt(work: () => void, ended: () => boolean): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof StoreError) || !ended()) throw error;
    }
  }

  /** True when the node's process has ended in this tick: it does nothing any more. */
  hasEnded(node: SimulatedNode): boolean {
    return this.#died.includes(node);
  }

  lacks({ peer }: SimulatedNode): void {
    this.checker.replicas.lacks(peer.id);
  }

  note(line: string): void {
    this.trace.note(this.now, line);
  }

  noteMessage(from: string, to: string, bytes: Uint8Array, message: Message): void {
    this.trace.message(this.now, `${from}>${to}`, bytes, () => `${from} → ${to} ${describeMessage(message)}`);
  }

  start(node: SimulatedNode): void {
    if (node.gone || node.up) return;
    if (node.life > 0) this.trace.count("restart");
    this.note(`${node.peer.id} starts`);
    try {
      node.start();
    } catch (error) {
      node.crash();
      this.#stop(node, error);
    }
  }

  /** A process that finds damage on its disk ends, whichever part of it reads. */
  #stop(node: SimulatedNode, error: unknown): void {
    if (!(error instanceof StoreError) || error.reason !== "damaged") throw error;
    this.trace.count("flipped byte noticed");
    this.note(`${node.peer.id} ends: ${error.message}`);
    this.#died.push(node);
  }

  crash(node: SimulatedNode): void {
    if (!node.up) return;
    this.trace.count("crash");
    this.trace.count(`crash ${node.peer.role}`);
    if (node.writing) this.trace.count("torn write");
    this.note(`${node.peer.id} crashes`);
    node.crash();
    // Streams break as their other ends find out.
    if (this.options.streams) return;
    for (const other of this.nodes) this.disconnect(node.peer.id, other.peer.id);
  }

  /** Replicas dial leaders, leaders dial acceptors and each other. */
  connect(): void {
    if (this.options.streams) return;
    for (const dialer of this.nodes) {
      if (!dialer.up || dialer.paused || dialer.peer.role === "acceptor") continue;
      if (dialer.peer.role === "replica" && !dialer.takesPart) continue;
      for (const dialed of dialer.peer.role === "replica" ? this.leaders : this.nodes) {
        if (dialed === dialer || dialed.peer.role === "replica") continue;
        if (!dialed.up || dialed.paused) continue;
        const connection = `${dialer.peer.id}>${dialed.peer.id}`;
        if (this.#connections.has(connection)) continue;
        if (!this.network.linked(dialer.peer.id, dialed.peer.id)) continue;
        if (dialed.peer.role === "acceptor") this.greeted(dialed);
        if (!dialed.up) continue;
        this.#connections.set(connection, ++this.#connectionNumber);
        this.note(`${dialer.peer.id} connects to ${dialed.peer.id}`);
        dialer.post({ kind: "connected", peer: dialed.peer, ...dialed.hello() });
        dialed.post({ kind: "connected", peer: dialer.peer, ...dialer.hello() });
      }
    }
  }

  /** @param half in worlds of streams, only who dialed hears of it */
  disconnect(a: string, b: string, half = false): void {
    this.peerStreams.reset(a, b, half);
    for (const [dialer, dialed] of [
      [a, b],
      [b, a],
    ] as const) {
      if (!this.#connections.delete(`${dialer}>${dialed}`)) continue;
      this.note(`${dialer} loses ${dialed}`);
      const [left, right] = [this.#byId.get(dialer), this.#byId.get(dialed)];
      if (left?.up && right) left.post({ kind: "disconnected", peer: right.peer });
      if (right?.up && left) right.post({ kind: "disconnected", peer: left.peer });
    }
  }

  /** Connections over links that are cut break. */
  breakCutConnections(): void {
    this.peerStreams.breakCut();
    for (const connection of [...this.#connections.keys()]) {
      const [dialer, dialed] = connection.split(">") as [string, string];
      if (!this.network.linked(dialer, dialed)) this.disconnect(dialer, dialed);
    }
  }

  /** Delivers what arrives now. */
  deliver(): void {
    this.peerStreams.tick();
    this.#attached.look(this.now, this.leaders, (replica, leader) =>
      this.peerStreams.serves(replica, leader),
    );
    for (const envelope of this.network.arrivals(this.now)) {
      const { from, to, bytes, answers, connection, buffered } = envelope;
      const node = this.#byId.get(to.id);
      if (!node?.up) continue;
      if (buffered !== node.life && this.#connection(from, to) !== connection) continue;
      if (node.paused) {
        this.network.postpone(envelope, node.life);
        continue;
      }
      const message = decodeMessage(from, to, answers, bytes);
      this.noteMessage(from.id, to.id, bytes, message);
      this.checker.received(from.id, to.id, message);
      node.post({ kind: "message", from, message } as never);
    }
  }

  /** The event loop of a node has the processor. */
  turn(node: SimulatedNode): void {
    const before = phaseOf(node);
    node.turn();
    if (before !== undefined && before !== "passive" && phaseOf(node) === "passive")
      this.trace.count("preemption");
    if (node.process) this.checker.queued(node.peer.id, node.process.status().queued);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** A command has ended the process that executes it, and somebody starts it again. */
  #killed(node: SimulatedNode): void {
    this.trace.count("process ended within a command");
    this.crash(node);
    this.later(1 + randomBelow(this.streams.remedies, 10), () => this.start(node));
  }

  /** A disk that failed ends its process, and somebody starts it again; nothing else may end one. */
  #ended(node: SimulatedNode, code: number, error: unknown): void {
    if (error instanceof StoreError && code === ExitCode.writeFailed) this.#died.push(node);
    else if (error instanceof StoreError && error.reason === "damaged" && code === ExitCode.foreignStore)
      this.#stop(node, error);
    else this.fail(error);
  }

  /** Something is not as it was promised, or threw: the run ends with this tick. */
  fail(error: unknown): void {
    this.#failure ??= error;
  }

  /** The nodes whose process has ended by itself since the last call. Throws the violation found meanwhile, if any. */
  takeDied(): readonly SimulatedNode[] {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#died.splice(0);
  }

  #writes(node: SimulatedNode, record: AcceptorRecord): void {
    if (record.kind === "trim") {
      this.checker.replicas.claims(node.peer.id, record.trim);
      this.trace.count("trim");
    } else if (record.kind === "accept" && node.disk) {
      const { slot } = record.pvalue;
      this.checker.accepting(node.peer.id, record.pvalue, node.trimmedBelow, node.disk.accepted(slot));
    }
  }

  #persisted(node: SimulatedNode, records: readonly AcceptorRecord[]): void {
    for (const record of records) {
      if (record.kind === "accept" && node.disk)
        this.checker.voted(node.peer.id, node.disk.store, record.pvalue);
    }
  }

  #send(from: SimulatedNode, to: Peer, message: Message): void {
    this.#noteSent(from, to, message);
    const connection = this.#connection(from.peer, to);
    if (connection === undefined || this.#unheard(to, message)) return;
    const bytes = encodeMessage(from.peer, to, message);
    const answers = isAnswer(from.peer, message);
    this.network.send(this.now, { from: from.peer, to, bytes, answers, connection });
  }

  /** Something is sent, and perhaps lost before it leaves. */
  #loses(from: SimulatedNode, to: Peer, message: Message): boolean {
    this.#noteSent(from, to, message);
    return this.#unheard(to, message);
  }

  #noteSent(from: SimulatedNode, to: Peer, message: Message): void {
    this.checker.sent(from, to, message);
    if (message.kind === "trimmed") this.trace.count("told that it is trimmed");
  }

  #unheard(to: Peer, { kind }: Message): boolean {
    if (!this.faulty || !trimKinds.has(kind)) return false;
    return this.streams.network() < this.options.trimLoss || (kind === "trim" && to.id === this.#deaf);
  }

  #connection(from: Peer, to: Peer): number | undefined {
    // Leaders dial each other both ways: what one asks and the other answers travels on the asker's connection.
    return this.#connections.get(`${from.id}>${to.id}`) ?? this.#connections.get(`${to.id}>${from.id}`);
  }
}

/** One of them, at random. */
export function pick(random: Random, nodes: readonly SimulatedNode[]): SimulatedNode {
  return nodes[randomBelow(random, nodes.length)] as SimulatedNode;
}

function phaseOf({ role }: SimulatedNode): string | undefined {
  return role instanceof Leader ? role.status().phase : undefined;
}
