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
  type Random,
  Replica,
  type ReplicaInput,
  type RulingConfiguration,
  type TrimRecord,
} from "@synod/core";
import { commandName, encodeBatch } from "./application.js";
import { Disk } from "./disk.js";
import type { WorldOptions } from "./options.js";
import { ReplicaProcess, type ReplicaWatcher } from "./replica-process.js";

/** What a node shares with the world around it. */
export interface Surroundings {
  readonly genesis: Genesis;
  readonly options: WorldOptions;
  readonly random: Random;
  /** A number that grows with every start of any process. */
  readonly nextIncarnation: () => number;
  readonly send: (from: SimulatedNode, to: Peer, message: Message) => void;
  readonly watcher: ReplicaWatcher;
  readonly trims: (acceptor: string, trim: TrimRecord) => void;
  readonly refused: (command: string) => void;
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

/** One process: a role of the real core, what it has on disk, and the driver's duties. */
export class SimulatedNode {
  readonly peer: Peer;
  readonly #world: Surroundings;
  /** An acceptor's. */
  disk: Disk | undefined;
  readonly replica: ReplicaProcess | undefined;
  up = false;
  paused = false;
  /** Counts its starts: what was sent to an earlier life does not arrive. */
  life = 0;
  role: AnyRole | undefined;
  #held: Held[] = [];

  constructor(peer: Peer, world: Surroundings) {
    this.peer = peer;
    this.#world = world;
    if (peer.role === "acceptor") this.disk = new Disk(`store-${peer.id}`);
    if (peer.role === "replica")
      this.replica = new ReplicaProcess(peer.id, world.genesis, world.options, world.random, world.watcher);
  }

  /** The commands a replica has executed, in order. */
  get names(): readonly string[] {
    return this.replica?.state.names ?? [];
  }

  start(): void {
    const { genesis, random } = this.#world;
    const { limits } = this.#world.options;
    const { id } = this.peer;
    const incarnation = this.#world.nextIncarnation();
    if (this.disk) {
      const { store } = this.disk;
      this.role = new Acceptor({ id, store, state: this.disk.state(), log: this.disk, limits }) as AnyRole;
    } else if (this.replica) {
      const { slot, configurations } = this.replica.start();
      const slotOut = slot + 1;
      const options = { id, incarnation, genesis, configurations, slotOut, encodeBatch, limits };
      this.role = new Replica(options) as AnyRole;
    } else {
      this.role = new Leader({ id, incarnation, genesis, limits, random }) as AnyRole;
    }
    this.life++;
    this.up = true;
  }

  crash(): void {
    this.up = false;
    this.paused = false;
    this.role = undefined;
    this.#held = [];
    this.disk?.crash();
    this.replica?.crash();
  }

  /** Loses its directory; what comes back is another store. */
  loseDisk(store: string): void {
    if (this.replica) this.replica.loseDisk(store);
    else this.disk = new Disk(store);
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
    for (const input of this.replica?.inputs() ?? []) this.step(input);
    this.step({ kind: "tick" });
  }

  /** Makes what an acceptor wrote durable, and releases what waited for it. @returns the records that became so */
  sync(): readonly AcceptorRecord[] {
    return this.disk?.sync() ?? [];
  }

  flush(): void {
    if (this.role instanceof Replica) this.replica?.flush(this.role);
  }

  release(): void {
    const synced = this.disk?.synced ?? 0;
    while (this.#held[0] && this.#held[0].after <= synced) {
      const { to, message } = this.#held.shift() as Held;
      this.#world.send(this, to, message);
    }
  }

  #carryOut(output: Output): void {
    switch (output.kind) {
      case "persist":
        if (output.record.kind === "trim") this.#world.trims(this.peer.id, output.record.trim);
        this.disk?.write(output.record);
        return;
      case "send":
        this.#world.send(this, output.to, output.message);
        return;
      case "send-durable":
        this.#held.push({ after: this.disk?.written ?? 0, to: output.to, message: output.message });
        this.release();
        return;
      case "refuse":
        this.#world.refused(commandName(output.command));
        return;
      case "apply":
        if (this.role instanceof Replica) this.replica?.apply(output.slot, output.value, this.role);
        return;
    }
  }
}
