import type {
  Acceptor,
  AcceptorRecord,
  Genesis,
  Leader,
  Member,
  Message,
  Peer,
  Random,
  RulingConfiguration,
} from "@synod/core";
import {
  type Dial,
  ExitCode,
  type OtherReplica,
  type ReplicaProcess,
  type ServerStream,
} from "@synod/node/parts";
import type { AcceptorStore, MemoryAcceptorDisk, MemoryReplicaDisk, ReplicaStore } from "@synod/storage";
import { Clock } from "./clock.js";
import type { Machine, ReplicaWatcher } from "./machine.js";
import { NodeDisk } from "./node-disk.js";
import type { WorldOptions } from "./options.js";
import { groundOf } from "./releases.js";
import { type CommandWatch, EndedWithin, type WatchedProcess } from "./remedies/lethal-commands.js";
import { replicaProcess } from "./replica-process.js";
import { type AnyInput, acceptorProcess, leaderProcess, type Running } from "./role-process.js";
import { clusterId } from "./services.js";
import type { Streams } from "./streams.js";
import { Timers } from "./timers.js";

/** The parts of the world that a node shares with others. */
export interface Surroundings {
  readonly genesis: Genesis;
  readonly options: WorldOptions;
  readonly streams: Streams;
  /** True time since the world began. */
  readonly nowMs: () => number;
  /** A number that grows with every start of any process. */
  readonly nextIncarnation: () => number;
  readonly nonce: () => string;
  readonly send: (from: SimulatedNode, to: Peer, message: Message) => void;
  /** In worlds of streams: true when the message is lost before it is sent. */
  readonly loses: (from: SimulatedNode, to: Peer, message: Message) => boolean;
  readonly dial: (from: SimulatedNode) => Dial;
  readonly reach: (from: SimulatedNode, peer: Member) => OtherReplica;
  readonly watcher: ReplicaWatcher;
  /** A node is about to write a record to its disk. */
  readonly writes: (node: SimulatedNode, record: AcceptorRecord) => void;
  /** A replica takes back what it has outstanding. */
  readonly withdraws: (replica: string, incarnation: number) => void;
  /** Records became durable on the disk of a node. */
  readonly persisted: (node: SimulatedNode, records: readonly AcceptorRecord[]) => void;
  /** A process has ended by itself, with an exit code. */
  readonly ended: (node: SimulatedNode, code: number, error: unknown) => void;
  /** A replica stands still, since its build lacks the version of a service that is in force. */
  readonly lacked: (node: SimulatedNode) => void;
  /** A replica stands still, since it runs on another ground than what is in force. */
  readonly stoodOnAnother: (node: SimulatedNode) => void;
  /** A replica stands still before a slot (rule 33). */
  readonly waitedForRemedy: () => void;
  /** Told before each command of a service, in worlds where some end processes. */
  readonly watchOver: (process: WatchedProcess) => CommandWatch | undefined;
  /** A process has ended within a command. */
  readonly killed: (node: SimulatedNode) => void;
  /** A process says something in its log. */
  readonly logged: (fields: object, text: string) => void;
}

/** One process as it ships, on a simulated disk, with a clock of its own. */
export class SimulatedNode {
  readonly peer: Peer;
  readonly clock: Clock;
  readonly #world: Surroundings;
  readonly #random: Random;
  #disk: NodeDisk;
  /** The trim mark of the store that an acceptor's process has open, whether it is on disk by now or not. */
  trimmedBelow = 1;
  /** The process of a replica, while it is up. */
  process: ReplicaProcess | undefined;
  up = false;
  paused = false;
  /** Its disk takes long to sync. */
  slowSync = false;
  /** Its disk neither ends nor fails what it is asked to write. */
  hanging = false;
  /** The build of the user's service that it is started with. */
  build = 0;
  /** Counts the builds that it was started with, in worlds where some commands end processes. */
  repairs = 0;
  /** The release of Synod that it is started with, and whether on another version of Node than the others. */
  release = 0;
  otherRuntime = false;
  /** Nobody starts it again. */
  gone = false;
  /** Counts its starts: what was sent to an earlier life does not arrive. */
  life = 0;
  /** The role of an acceptor or a leader, while it is up. */
  role: Acceptor | Leader | undefined;
  /** A replica connects to nobody before it may go on from what it has (rule 32). */
  takesPart = false;
  #store: ReplicaStore | undefined;
  #running: Running | undefined;
  #timers = new Timers(() => 0);

  constructor(peer: Peer, world: Surroundings) {
    this.peer = peer;
    this.#world = world;
    this.#random = world.streams.roles;
    const { drift } = world.options;
    this.clock = new Clock(world.nowMs, 1 + drift * (2 * this.#random() - 1));
    this.#disk = this.#emptyDisk(`store-${peer.id}`);
  }

  /** The disk of an acceptor; undefined for another role. */
  get disk(): MemoryAcceptorDisk | undefined {
    return this.#disk.acceptor;
  }

  /** The disk of a replica; undefined for another role. */
  get stateDisk(): MemoryReplicaDisk | undefined {
    return this.#disk.replica;
  }

  /** The replicas that a leader in a world of streams takes to be connected. */
  get attachedReplicas(): readonly string[] {
    const peers = this.#running?.peers ?? [];
    return peers.filter(({ role }) => role === "replica").map(({ id }) => id);
  }

  start(): void {
    this.life++;
    this.up = true;
    this.#timers = new Timers(() => this.clock.monotonicMs);
    const { disk, stateDisk } = this;
    const machine = this.#machine();
    if (stateDisk) {
      const { process, running, store } = replicaProcess(machine, stateDisk);
      this.process = process;
      this.#store = store;
      this.#running = running;
    } else {
      const { role, running } = disk ? acceptorProcess(machine, this.#open(disk)) : leaderProcess(machine);
      this.role = role;
      this.#running = running;
    }
    this.#running.start();
  }

  #open(disk: MemoryAcceptorDisk): AcceptorStore {
    const store = disk.open({ id: this.peer.id, clusterId });
    this.trimmedBelow = store.state.trim.below;
    return store;
  }

  /** The machine of the life that begins. */
  #machine(): Machine {
    const world = this.#world;
    const { life } = this;
    const { id } = this.peer;
    const incarnation = world.nextIncarnation();
    return {
      ...{
        id,
        incarnation,
        build: this.build,
        repairs: this.repairs,
        watch: world.watchOver({ id, repairs: this.repairs, kill: () => world.killed(this) }),
        ground: world.options.engines ? groundOf(this.release, this.otherRuntime) : undefined,
        clock: this.clock,
        timers: this.#timers,
        random: this.#random,
      },
      ...{ genesis: world.genesis, options: world.options, watcher: world.watcher, dial: world.dial(this) },
      drawName: world.nonce,
      reach: (peer) => world.reach(this, peer),
      send: (to, message) => world.send(this, to, message),
      loses: (to, message) => world.loses(this, to, message),
      writes: (record) => {
        world.writes(this, record);
        if (record.kind === "trim") this.trimmedBelow = record.trim.below;
      },
      takesPart: () => {
        if (this.life !== life || !this.up) return false;
        this.takesPart = true;
        return true;
      },
      withdraws: () => world.withdraws(id, incarnation),
      lacks: () => world.lacked(this),
      standsOnAnother: () => world.stoodOnAnother(this),
      waitsForRemedy: () => world.waitedForRemedy(),
      ends: (code, error) => {
        // Its process was told to end where that happened.
        if (!(error instanceof EndedWithin)) world.ended(this, code, error);
      },
      logs: world.logged,
    };
  }

  crash(): void {
    this.up = false;
    this.paused = false;
    this.takesPart = false;
    this.role = undefined;
    this.process = undefined;
    this.#running = undefined;
    this.#store = undefined;
    this.#timers.end();
    this.#timers = new Timers(() => 0);
    const before = this.stateDisk?.durableSlot ?? 0;
    // The write under way is one transaction: torn, it is thrown away whole; whole, it counts, even if nobody was told.
    this.#disk.crash(this.#world.streams.disks() < 0.5);
    if (!this.stateDisk) return;
    const { store, durableSlot } = this.stateDisk;
    if (durableSlot > before) this.#world.watcher.durable(store, durableSlot);
  }

  /** The decided log of a replica's process. */
  get log(): ReplicaStore["log"] | undefined {
    return this.#store?.log;
  }

  /** Loses its directory; what comes back is another store. */
  loseDisk(store: string): void {
    this.#disk = this.#emptyDisk(store);
  }

  /** An acceptor's disk is as it was. */
  rollBack(copy: MemoryAcceptorDisk): void {
    this.#disk = NodeDisk.of(copy);
  }

  /** The part of its hello that changes with time. */
  hello(): { slotOut: number; configurations: readonly RulingConfiguration[] } {
    const { slotOut = 0, configurations = [] } = this.process ?? {};
    return { slotOut, configurations };
  }

  /** Something comes in, and is handled in its next turn. */
  post(input: AnyInput): void {
    this.#running?.post(input);
  }

  /** Somebody opens a stream to it. */
  serve(stream: unknown): void {
    this.#running?.serve?.(stream as ServerStream<never, never>);
  }

  /** Time passes for it. */
  tick(): void {
    this.#timers.tick();
  }

  /** Its event loop has the processor. */
  turn(): void {
    this.#timers.turn();
  }

  /** Something that was written is on its way to the disk. */
  get writing(): boolean {
    return this.#disk.waiting;
  }

  /** The write under way reaches the disk; a replica that has none begins one with all that is unwritten. */
  write(): void {
    if (this.writing) this.#disk.releaseOne();
    else this.#store?.flush().catch(() => {});
  }

  /** The write under way fails. */
  failWrite(cause: Error): void {
    this.#disk.fail(cause);
  }

  /** A stored byte changes; false when nothing is stored. */
  rot(which: number): boolean {
    return this.#disk.rot(which);
  }

  /** True when something on its disk is not what was written. */
  get rotten(): boolean {
    return this.#disk.rotten;
  }

  /** Its process looks at all of its disk, as it does from time to time. */
  scrub(): void {
    if (!this.up) return;
    try {
      this.#disk.scrub();
    } catch (error) {
      this.#world.ended(this, ExitCode.foreignStore, error);
    }
  }

  #emptyDisk(store: string): NodeDisk {
    return NodeDisk.empty(this.peer, store, (records) => this.#world.persisted(this, records));
  }
}
