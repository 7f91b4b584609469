import {
  Acceptor,
  type AcceptorInput,
  type AcceptorRecord,
  below,
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
  type Value,
} from "@synod/core";
import { obstacleOf } from "@synod/node/parts";
import { Clock } from "./clock.js";
import { Disk, type DiskCopy } from "./disk.js";
import type { WorldOptions } from "./options.js";
import { ReplicaProcess, type ReplicaWatcher } from "./replica-process.js";
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
}

type AnyInput = AcceptorInput | LeaderInput | ReplicaInput;
interface AnyRole {
  step(input: AnyInput): Output[];
}

interface Held {
  readonly after: number;
  readonly to: Peer;
  readonly message: Message;
}

/** One process: a role of the real core, what it has on disk, its clock, and the driver's duties. */
export class SimulatedNode {
  readonly peer: Peer;
  readonly clock: Clock;
  readonly #world: Surroundings;
  readonly #random: Random;
  /** An acceptor's. */
  disk: Disk | undefined;
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
  #held: Held[] = [];
  #incarnation = 0;

  constructor(peer: Peer, world: Surroundings) {
    this.peer = peer;
    this.#world = world;
    this.#random = world.streams.roles;
    const { drift } = world.options;
    this.clock = new Clock(world.nowMs, 1 + drift * (2 * this.#random() - 1));
    if (peer.role === "acceptor") this.disk = new Disk(`store-${peer.id}`);
    if (peer.role === "replica") {
      const { genesis, options, watcher, nonce } = world;
      const { clock } = this;
      const random = this.#random;
      this.replica = new ReplicaProcess({ id: peer.id, genesis, options, random, clock, watcher, nonce });
    }
  }

  start(): void {
    const { genesis, nextIncarnation } = this.#world;
    const { limits } = this.#world.options;
    const { id } = this.peer;
    const incarnation = nextIncarnation();
    this.#incarnation = incarnation;
    const { disk, replica } = this;
    if (disk) {
      this.role = new Acceptor({ id, store: disk.store, state: disk.state(), log: disk, limits }) as AnyRole;
    } else if (replica) {
      replica.start();
      const { configurations, appliedSlot } = replica.engine;
      const slotOut = appliedSlot + 1;
      const encodeBatch = replica.encodeBatch.bind(replica);
      const options = { id, incarnation, genesis, configurations, slotOut, encodeBatch, limits };
      this.role = new Replica(options) as AnyRole;
    } else {
      this.role = new Leader({ id, incarnation, genesis, limits, random: this.#random }) as AnyRole;
    }
    this.life++;
    this.up = true;
  }

  crash(): void {
    this.up = false;
    this.paused = false;
    this.role = undefined;
    this.#held = [];
    if (this.disk) {
      const { written, synced } = this.disk;
      const whole = below(this.#world.streams.disks, written - synced + 1);
      this.#world.persisted(this, this.disk.crash(whole));
    }
    // A flush is one transaction: a torn one is thrown away whole, and a whole one counts, told or not.
    if (this.replica?.disk.flushing && this.#world.streams.disks() < 0.5) this.replica.endFlush();
    this.replica?.crash();
  }

  /** Loses its directory; what comes back is another store. */
  loseDisk(store: string): void {
    if (this.replica) this.replica.loseDisk(store);
    else this.disk = new Disk(store);
  }

  /** An acceptor's disk is as it was. */
  rollBack(copy: DiskCopy): void {
    this.disk = Disk.from(copy);
  }

  /** What it says of itself in a hello. */
  hello(): { slotOut: number; configurations: readonly RulingConfiguration[] } {
    if (this.role instanceof Replica)
      return { slotOut: this.role.slotOut, configurations: this.role.configurations };
    return { slotOut: 0, configurations: [] };
  }

  step(input: AnyInput): void {
    if (!this.role) return;
    for (const output of this.role.step(input)) this.#carryOut(output);
  }

  tick(): void {
    for (const input of this.replica?.inputs(this.#obstacle) ?? []) {
      if (input.kind === "withdraw" && input.outstanding)
        this.#world.withdraws(this.peer.id, this.#incarnation);
      this.step(input);
    }
    this.step({ kind: "tick" });
  }

  /** Nothing can be decided, as far as a replica knows. */
  get #obstacle(): boolean {
    if (!(this.role instanceof Replica)) return false;
    return obstacleOf(this.role.status(), this.#world.genesis.configuration.acceptors, []) !== "";
  }

  /** Makes what an acceptor wrote durable, and releases what waited for it. */
  sync(): void {
    if (!this.disk) return;
    if (this.disk.synced < this.disk.written) this.#world.persisted(this, this.disk.sync());
    this.#release();
  }

  /** In this life. */
  #proposed(value: Value): boolean {
    const proposal = proposalOf(value);
    return proposal?.replica === this.peer.id && proposal.incarnation === this.#incarnation;
  }

  flush(): void {
    this.replica?.flush();
  }

  #release(): void {
    const synced = this.disk?.synced ?? 0;
    while (this.#held[0] && this.#held[0].after <= synced) {
      const { to, message } = this.#held.shift() as Held;
      this.#world.send(this, to, message);
    }
  }

  #carryOut(output: Output): void {
    switch (output.kind) {
      case "persist":
        this.#world.writes(this, output.record);
        this.disk?.write(output.record);
        return;
      case "send":
        this.#world.send(this, output.to, output.message);
        return;
      case "send-durable":
        this.#held.push({ after: this.disk?.written ?? 0, to: output.to, message: output.message });
        this.#release();
        return;
      case "jumped-over":
        this.replica?.jumpedOver(output.value);
        return;
      case "refuse":
        this.replica?.refused(output.command);
        return;
      case "apply":
        this.replica?.apply(output.slot, output.value, this.#proposed(output.value));
        return;
      case "withdrawn":
        this.replica?.withdrawn(output.commands);
        return;
    }
  }
}
