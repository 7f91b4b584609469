import {
  Acceptor,
  type AcceptorInput,
  type Genesis,
  Leader,
  type LeaderInput,
  type Limits,
  type Message,
  type Output,
  type Peer,
  type Random,
  Replica,
  type ReplicaInput,
  type RulingConfiguration,
} from "@synod/core";
import { AppendedList, commandName, encodeBatch } from "./application.js";
import { Disk } from "./disk.js";

/** What a node shares with the world around it. */
export interface Surroundings {
  readonly genesis: Genesis;
  readonly limits: Limits;
  readonly random: Random;
  /** A number that grows with every start of any process. */
  readonly nextIncarnation: () => number;
  readonly send: (from: SimulatedNode, to: Peer, message: Message) => void;
  readonly executed: (replica: string, index: number, command: string) => void;
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
  disk: Disk | undefined;
  up = false;
  paused = false;
  role: AnyRole | undefined;
  #held: Held[] = [];
  /** A replica's state: as applied, and as its last sync left it. */
  #list = new AppendedList();
  #flushed: { slotOut: number; names: readonly string[]; configurations: readonly RulingConfiguration[] } = {
    slotOut: 1,
    names: [],
    configurations: [],
  };

  constructor(peer: Peer, world: Surroundings) {
    this.peer = peer;
    this.#world = world;
    if (peer.role === "acceptor") this.disk = new Disk(`store-${peer.id}`);
  }

  /** The commands a replica has executed, in order. */
  get names(): readonly string[] {
    return this.#list.names;
  }

  start(): void {
    const { genesis, limits, random } = this.#world;
    const { id } = this.peer;
    const incarnation = this.#world.nextIncarnation();
    if (this.disk) {
      this.role = new Acceptor({
        id,
        store: this.disk.store,
        state: this.disk.state(),
        log: this.disk,
        limits,
      }) as AnyRole;
    } else if (this.peer.role === "leader") {
      this.role = new Leader({ id, incarnation, genesis, limits, random }) as AnyRole;
    } else {
      const { slotOut, names, configurations } = this.#flushed;
      this.#list = new AppendedList(names);
      this.role = new Replica({
        id,
        incarnation,
        genesis,
        configurations,
        slotOut,
        encodeBatch,
        limits,
      }) as AnyRole;
    }
    this.up = true;
  }

  crash(): void {
    this.up = false;
    this.paused = false;
    this.role = undefined;
    this.#held = [];
    this.disk?.crash();
  }

  /** Loses its directory; what comes back is another store. */
  loseDisk(store: string): void {
    this.disk = new Disk(store);
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

  /** Makes what was written durable, and releases what waited for it. @returns the pvalues that became durable */
  sync(): readonly { readonly kind: string }[] {
    if (this.role instanceof Replica) {
      this.#flushed = {
        slotOut: this.role.slotOut,
        names: [...this.names],
        configurations: this.role.configurations,
      };
    }
    return this.disk?.sync() ?? [];
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
      case "apply": {
        if (output.value.kind !== "batch") return;
        let index = this.names.length;
        for (const name of this.#list.apply(output.value.commands))
          this.#world.executed(this.peer.id, index++, name);
        return;
      }
    }
  }
}
