import {
  Acceptor,
  type AcceptorInput,
  type AcceptorRecord,
  type Genesis,
  Leader,
  type LeaderInput,
  type Member,
  type Message,
  type Output,
  type Peer,
  type Random,
  type ReplicaInput,
  type RulingConfiguration,
  type Tick,
  type Value,
} from "@synod/core";
import {
  AcceptorProcess,
  type Dial,
  Driver,
  ExitCode,
  helloOf,
  type Journal,
  LeaderLinks,
  LeaderProcess,
  type OtherReplica,
  ReplicaProcess,
  type ServerStream,
} from "@synod/node/parts";
import type { Answer, Engine } from "@synod/state-machine";
import {
  type AcceptorStore,
  MemoryAcceptorDisk,
  MemoryReplicaDisk,
  type ReplicaStore,
  type StoreError,
} from "@synod/storage";
import { recordCodec } from "@synod/wire";
import { Clock } from "./clock.js";
import type { WorldOptions } from "./options.js";
import { clusterId, servicesOf, sessionBounds } from "./services.js";
import { expectDeclared } from "./stock/undeclared.js";
import type { Streams } from "./streams.js";
import { Timers } from "./timers.js";
import { Violation } from "./violation.js";

/** Told of everything that a replica's process does. */
export interface ReplicaWatcher {
  /** A slot was applied, with these answers. */
  applied(replica: string, slot: number, value: Value, engine: Engine, answers: readonly Answer[]): void;
  trimPointMoved(slot: number, trimPoint: number): void;
  durable(store: string, slot: number): void;
  /** A snapshot has taken the state's place, where this slot was the last applied. */
  installed(replica: string, appliedSlot: number, engine: Engine): void;
}

/** What a node shares with the world around it. */
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
  /** A replica stands still, since its build has not the version of a service that is in force. */
  readonly lacked: (node: SimulatedNode) => void;
  /** A process says something in its log. */
  readonly logged: (fields: object, text: string) => void;
}

type AnyInput = AcceptorInput | LeaderInput | ReplicaInput;

/** What a process does with what comes in. */
interface Running {
  post(input: AnyInput): void;
  serve?(stream: ServerStream<never, never>): void;
}

/** One process as it ships, on a simulated disk, with a clock of its own. */
export class SimulatedNode {
  readonly peer: Peer;
  readonly clock: Clock;
  readonly #world: Surroundings;
  readonly #random: Random;
  /** An acceptor's. */
  disk: MemoryAcceptorDisk | undefined;
  /** Of the store that an acceptor's process has open: slots below it were to be forgotten, on disk or not. */
  trimmedBelow = 1;
  /** A replica's. */
  stateDisk: MemoryReplicaDisk | undefined;
  /** A replica's, while it is up. */
  process: ReplicaProcess | undefined;
  up = false;
  paused = false;
  /** Its disk takes long to sync. */
  slowSync = false;
  /** Its disk neither ends nor fails what it is asked to write. */
  hanging = false;
  /** Of the service of a user's: which of its builds it is started with. */
  build = 0;
  /** Nobody starts it again. */
  gone = false;
  /** Counts its starts: what was sent to an earlier life does not arrive. */
  life = 0;
  /** An acceptor's or a leader's, while it is up. */
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
    this.#newDisk(`store-${peer.id}`);
  }

  start(): void {
    this.life++;
    this.up = true;
    this.#timers = new Timers(() => this.clock.monotonicMs);
    const incarnation = this.#world.nextIncarnation();
    if (this.stateDisk) this.#startReplica(this.stateDisk, incarnation);
    else if (this.disk) this.#startAcceptor(this.disk);
    else this.#startLeader(incarnation);
  }

  crash(): void {
    this.up = false;
    this.paused = false;
    this.takesPart = false;
    this.role = undefined;
    this.process = undefined;
    this.#running = undefined;
    this.#store = undefined;
    this.#timers = new Timers(() => 0);
    // What was being written is one transaction: a torn one is thrown away whole, and a whole one counts, told or not.
    const whole = this.#world.streams.disks() < 0.5;
    this.disk?.crash(whole);
    if (!this.stateDisk) return;
    const before = this.stateDisk.durableSlot;
    this.stateDisk.crash(whole);
    const { store, durableSlot } = this.stateDisk;
    if (durableSlot > before) this.#world.watcher.durable(store, durableSlot);
  }

  /** Loses its directory; what comes back is another store. */
  loseDisk(store: string): void {
    this.#newDisk(store);
  }

  /** An acceptor's disk is as it was. */
  rollBack(copy: MemoryAcceptorDisk): void {
    this.disk = copy;
  }

  /** What it says of itself in a hello. */
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
    return this.disk?.waiting === true || this.stateDisk?.waiting === true;
  }

  /** What is being written reaches the disk; a replica with nothing under way begins to write what it has. */
  write(): void {
    this.disk?.releaseOne();
    if (this.stateDisk?.waiting) this.stateDisk.releaseOne();
    else this.#store?.flush().catch(() => {});
  }

  /** A stored byte changes; false when nothing is stored. */
  rot(which: number): boolean {
    return this.disk?.rot(which) ?? this.stateDisk?.rot(which) ?? false;
  }

  /** What is on its disk is not what was written. */
  get rotten(): boolean {
    return this.disk?.damage !== undefined || this.stateDisk?.damaged === true;
  }

  /** Its process looks at all of its disk, as it does from time to time. */
  scrub(): void {
    if (!this.up) return;
    const { damage } = this.disk ?? {};
    if (damage) this.#world.ended(this, ExitCode.foreignStore, damage);
    try {
      this.stateDisk?.scrub();
    } catch (error) {
      this.#world.ended(this, ExitCode.foreignStore, error);
    }
  }

  /** What is being written does not reach the disk. */
  failWrite(cause: Error): void {
    this.disk?.fail(cause);
    this.stateDisk?.fail(cause);
  }

  #newDisk(store: string): void {
    const { id, role } = this.peer;
    if (role === "acceptor") {
      this.disk = new MemoryAcceptorDisk({ id, store, codec: recordCodec }, (records) =>
        this.#world.persisted(this, records),
      );
      this.disk.hold(true);
    } else if (role === "replica") {
      this.stateDisk = new MemoryReplicaDisk({ store });
      this.stateDisk.hold(true);
    }
  }

  #startAcceptor(disk: MemoryAcceptorDisk): void {
    const { id } = this.peer;
    const { limits } = this.#world.options;
    const store = disk.open({ id, clusterId });
    const { identity, state } = store;
    this.trimmedBelow = state.trim.below;
    if (this.#world.options.streams) {
      const process = new AcceptorProcess({
        ...{ id, clusterId, limits, store, genesis: this.#world.genesis, journal: this.#journal(store) },
        ...this.#processOptions,
      });
      this.role = process.role;
      this.#running = process as Running;
      process.start();
      return;
    }
    const role = new Acceptor({ id, limits, log: store, store: identity.store, state });
    this.role = role;
    this.#drive(role as never, this.#journal(store));
  }

  #startLeader(incarnation: number): void {
    const { genesis, options } = this.#world;
    const { id } = this.peer;
    if (options.streams) {
      const process = new LeaderProcess({
        ...{ id, clusterId, genesis, incarnation, limits: options.limits },
        ...{ random: this.#random, dial: this.#world.dial(this) },
        ...this.#processOptions,
      });
      this.role = process.role;
      this.#running = process as Running;
      process.start();
      return;
    }
    const role = new Leader({ id, incarnation, genesis, limits: options.limits, random: this.#random });
    this.role = role;
    this.#drive(role as never, undefined);
  }

  /** What acceptors and leaders have alike in worlds of streams. */
  get #processOptions() {
    const { loses, ended, logged } = this.#world;
    return {
      logger: { debug: () => {}, info: logged, warn: logged, error: logged },
      scheduler: this.#timers,
      deliver: (to: Peer, message: Message) => loses(this, to, message),
      onFatal: (code: number, error: unknown) => ended(this, code, error),
    };
  }

  #drive(role: { step(input: AnyInput | Tick): Output[] }, journal: Journal | undefined): void {
    const { send, ended, options } = this.#world;
    const driver = new Driver<AnyInput>({
      ...{ role, journal, tickMs: options.limits.tickMs },
      logger: { debug: () => {}, error: () => {} },
      scheduler: this.#timers,
      send: (to, message) => send(this, to, message),
      onFatal: (code, error) => ended(this, code, error),
    });
    driver.start();
    this.#running = driver;
  }

  #startReplica(disk: MemoryReplicaDisk, incarnation: number): void {
    const { genesis, options, watcher, nonce, send, loses, reach, withdraws, ended, lacked, logged } =
      this.#world;
    const { id } = this.peer;
    const { life } = this;
    const mine = () => this.life === life && this.up;
    const store = disk.open({
      id,
      clusterId,
      flushEveryMs: 0,
      onFlushed: (slot) => watcher.durable(disk.store, slot),
      onFailure: (error) => ended(this, endOf(error), error),
    });
    this.#store = store;
    let trimPoint = 0;
    let applied = 0;
    const process = new ReplicaProcess({
      ...{ id, clusterId, genesis, incarnation, store },
      services: servicesOf(this.build, options),
      limits: options.limits,
      pageBytes: options.pageBytes,
      logger: { debug: () => {}, info: logged, warn: logged, error: logged },
      scheduler: this.#timers,
      clocks: { monotonicMs: () => this.clock.monotonicMs, wallMs: () => this.clock.wallMs },
      random: this.#random,
      drawName: nonce,
      sessionLimits: { ...sessionBounds, maxSessions: options.maxSessions },
      keptLog: { slots: options.keptLog, bytes: 1 << 20 },
      reportHaste: options.reportHaste,
      send: (leader, message) => {
        const to: Peer = { role: "leader", id: leader };
        if (!links) send(this, to, message);
        else if (!loses(this, to, message)) links.send(leader, message);
      },
      links: () => links?.status ?? [],
      reach: (peer) => reach(this, peer),
      onHandlerError: (failure) => expectDeclared(failure, id),
      observer: {
        applied: (slot, value, answers) => {
          const { engine } = process;
          watcher.applied(id, slot, value, engine, answers);
          applied = slot;
          const { reports } = engine.system;
          if (reports.trimPoint > trimPoint) watcher.trimPointMoved(slot, reports.trimPoint);
          trimPoint = reports.trimPoint;
        },
        replaced: () => {
          watcher.installed(id, applied, process.engine);
          applied = process.engine.appliedSlot;
          trimPoint = process.engine.system.reports.trimPoint;
        },
        withdrew: () => withdraws(id, incarnation),
      },
      onHalted: ({ kind, reason }) => {
        if (kind === "lacking" && options.upgrades) lacked(this);
        else ended(this, 1, new Violation(`${id} ${reason}`));
      },
      onFatal: (code, error) => ended(this, code, error),
    });
    applied = process.engine.appliedSlot;
    trimPoint = process.engine.system.reports.trimPoint;
    this.process = process;
    this.#running = process;
    const links = options.streams ? this.#linksOf(process) : undefined;
    void process.start(() => {
      if (!mine()) return;
      this.takesPart = true;
      links?.start();
    });
  }

  #linksOf(process: ReplicaProcess): LeaderLinks {
    const { genesis, dial } = this.#world;
    const { id } = this.peer;
    return new LeaderLinks({
      leaders: genesis.configuration.leaders,
      dial: dial(this),
      ...{ scheduler: this.#timers, random: this.#random },
      hello: () => {
        const { configurations, slotOut } = process;
        return helloOf({ id, clusterId }, { role: "replica", configurations, slotOut });
      },
      post: (input) => process.post(input),
      whenRoom: (callback) => process.whenRoom(callback),
    });
  }

  #journal(store: AcceptorStore): Journal {
    return {
      write: (record: AcceptorRecord) => {
        this.#world.writes(this, record);
        if (record.kind === "trim") this.trimmedBelow = record.trim.below;
        store.write(record);
      },
      commit: () => store.commit(),
    };
  }
}

/** The code with which a process ends whose store fails. */
function endOf({ reason }: StoreError): ExitCode {
  return reason === "damaged" ? ExitCode.foreignStore : ExitCode.writeFailed;
}
