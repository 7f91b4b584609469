import {
  Acceptor,
  type AcceptorInput,
  type AcceptorRecord,
  type Genesis,
  Leader,
  type LeaderInput,
  type Message,
  type Output,
  type Peer,
  proposalOf,
  type Random,
  Replica,
  type ReplicaInput,
  type RulingConfiguration,
  type Tick,
  type Value,
} from "@synod/core";
import { Driver, obstacleOf, type Scheduler } from "@synod/node/parts";
import { type AcceptorStore, MemoryAcceptorDisk } from "@synod/storage";
import { Clock } from "./clock.js";
import type { WorldOptions } from "./options.js";
import { ReplicaProcess, type ReplicaWatcher } from "./replica-process.js";
import { clusterId } from "./services.js";
import type { Streams } from "./streams.js";

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
  readonly watcher: ReplicaWatcher;
  /** A node is about to write a record to its disk. */
  readonly writes: (node: SimulatedNode, record: AcceptorRecord) => void;
  /** A replica takes back what it has outstanding. */
  readonly withdraws: (replica: string, incarnation: number) => void;
  /** Records became durable on the disk of a node. */
  readonly persisted: (node: SimulatedNode, records: readonly AcceptorRecord[]) => void;
  /** A process has ended by itself, with an exit code. */
  readonly ended: (node: SimulatedNode, code: number, error: unknown) => void;
}

type AnyInput = AcceptorInput | LeaderInput | ReplicaInput;
interface AnyRole {
  step(input: AnyInput): Output[];
}

const silent = { debug: () => {}, error: () => {} };

/** One process: a role of the real core under the real driver, what it has on disk, and its clock. */
export class SimulatedNode {
  readonly peer: Peer;
  readonly clock: Clock;
  readonly #world: Surroundings;
  readonly #random: Random;
  /** An acceptor's. */
  disk: MemoryAcceptorDisk | undefined;
  /** Of the store that an acceptor's process has open: slots below it were to be forgotten, on disk or not. */
  trimmedBelow = 1;
  readonly replica: ReplicaProcess | undefined;
  up = false;
  paused = false;
  /** Its disk takes long to sync. */
  slowSync = false;
  /** Nobody starts it again. */
  gone = false;
  /** Counts its starts: what was sent to an earlier life does not arrive. */
  life = 0;
  role: AnyRole | undefined;
  #driver: Driver<AnyInput> | undefined;
  /** What its event loop has to do next. */
  #soon: (() => void) | undefined;
  #onTick: (() => void) | undefined;
  #incarnation = 0;

  constructor(peer: Peer, world: Surroundings) {
    this.peer = peer;
    this.#world = world;
    this.#random = world.streams.roles;
    const { drift } = world.options;
    this.clock = new Clock(world.nowMs, 1 + drift * (2 * this.#random() - 1));
    if (peer.role === "acceptor") this.disk = this.#newDisk(`store-${peer.id}`);
    if (peer.role === "replica") {
      const { genesis, options, watcher, nonce } = world;
      const { clock } = this;
      const random = this.#random;
      this.replica = new ReplicaProcess({ id: peer.id, genesis, options, random, clock, watcher, nonce });
    }
  }

  start(): void {
    const { genesis, nextIncarnation, send } = this.#world;
    const { limits } = this.#world.options;
    const { id } = this.peer;
    this.#incarnation = nextIncarnation();
    const { disk, replica } = this;
    let store: AcceptorStore | undefined;
    if (disk) {
      store = disk.open({ id, clusterId });
      this.trimmedBelow = store.state.trim.below;
      this.role = new Acceptor({
        ...{ id, limits, log: store },
        ...{ store: store.identity.store, state: store.state },
      }) as AnyRole;
    } else if (replica) {
      replica.start();
      const { configurations, appliedSlot } = replica.engine;
      const slotOut = appliedSlot + 1;
      const encodeBatch = replica.encodeBatch.bind(replica);
      const incarnation = this.#incarnation;
      const options = { id, incarnation, genesis, configurations, slotOut, encodeBatch, limits };
      this.role = new Replica(options) as AnyRole;
    } else {
      const incarnation = this.#incarnation;
      this.role = new Leader({ id, incarnation, genesis, limits, random: this.#random }) as AnyRole;
    }
    this.#driver = new Driver<AnyInput>({
      role: this.role as { step(input: AnyInput | Tick): Output[] },
      tickMs: limits.tickMs,
      logger: silent,
      scheduler: this.#scheduler(),
      journal: store && this.#journal(store),
      send: (to, message) => send(this, to, message),
      apply: (slot, value) => replica?.apply(slot, value, this.#proposed(value)),
      jumpedOver: (value) => replica?.jumpedOver(value),
      refuse: (command) => replica?.refused(command),
      withdrawn: (commands) => replica?.withdrawn(commands),
      onFatal: (code, error) => this.#world.ended(this, code, error),
    });
    this.#driver.start();
    this.life++;
    this.up = true;
  }

  crash(): void {
    this.up = false;
    this.paused = false;
    this.role = undefined;
    this.#driver = undefined;
    this.#soon = undefined;
    this.#onTick = undefined;
    this.disk?.crash(this.#world.streams.disks() < 0.5);
    // A flush is one transaction: a torn one is thrown away whole, and a whole one counts, told or not.
    if (this.replica?.disk.flushing && this.#world.streams.disks() < 0.5) this.replica.endFlush();
    this.replica?.crash();
  }

  /** Loses its directory; what comes back is another store. */
  loseDisk(store: string): void {
    if (this.replica) this.replica.loseDisk(store);
    else this.disk = this.#newDisk(store);
  }

  /** An acceptor's disk is as it was. */
  rollBack(copy: MemoryAcceptorDisk): void {
    this.disk = copy;
  }

  /** What it says of itself in a hello. */
  hello(): { slotOut: number; configurations: readonly RulingConfiguration[] } {
    if (this.role instanceof Replica)
      return { slotOut: this.role.slotOut, configurations: this.role.configurations };
    return { slotOut: 0, configurations: [] };
  }

  /** Something comes in, and is handled in its next turn. */
  post(input: AnyInput): void {
    this.#driver?.post(input);
  }

  /** Time passes for it. */
  tick(): void {
    for (const input of this.replica?.inputs(this.#obstacle) ?? []) {
      if (input.kind === "withdraw" && input.outstanding)
        this.#world.withdraws(this.peer.id, this.#incarnation);
      this.post(input);
    }
    this.#onTick?.();
  }

  /** Its event loop has the processor. */
  turn(): void {
    const work = this.#soon;
    this.#soon = undefined;
    work?.();
  }

  /** Something that an acceptor wrote is not on its disk yet. */
  get syncing(): boolean {
    return this.disk?.waiting === true;
  }

  /** A sync ends, with what was asked for before it began. */
  sync(): void {
    this.disk?.releaseOne();
  }

  /** The sync under way fails. */
  failSync(): void {
    this.disk?.fail(new Error("the disk of this world says EIO"));
  }

  flush(): void {
    this.replica?.flush();
  }

  #newDisk(store: string): MemoryAcceptorDisk {
    const disk = new MemoryAcceptorDisk({ id: this.peer.id, store }, (records) =>
      this.#world.persisted(this, records),
    );
    disk.hold(true);
    return disk;
  }

  #journal(store: AcceptorStore) {
    return {
      write: (record: AcceptorRecord) => {
        this.#world.writes(this, record);
        if (record.kind === "trim") this.trimmedBelow = record.trim.below;
        store.write(record);
      },
      commit: () => store.commit(),
    };
  }

  #scheduler(): Scheduler {
    return {
      nowMs: () => this.clock.monotonicMs,
      soon: (work) => {
        this.#soon = work;
      },
      every: (_, work) => {
        this.#onTick = work;
        return () => {};
      },
    };
  }

  /** Nothing can be decided, as far as a replica knows. */
  get #obstacle(): boolean {
    if (!(this.role instanceof Replica)) return false;
    return obstacleOf(this.role.status(), this.#world.genesis.configuration.acceptors, []) !== "";
  }

  /** In this life. */
  #proposed(value: Value): boolean {
    const proposal = proposalOf(value);
    return proposal?.replica === this.peer.id && proposal.incarnation === this.#incarnation;
  }
}
