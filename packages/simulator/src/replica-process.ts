import type { Command, Genesis, Installed, Random, Replica, ReplicaInput, Value } from "@synod/core";
import { ReplicatedList, reportCommand, type StateImage } from "./application.js";
import type { WorldOptions } from "./options.js";
import { ReplicaDisk } from "./replica-disk.js";

/** Told of everything that a replica's process does. */
export interface ReplicaWatcher {
  applies(replica: string, slot: number, value: Value, image: StateImage): void;
  executed(replica: string, index: number, command: string): void;
  trimPointMoved(slot: number, trimPoint: number): void;
  durable(store: string, slot: number): void;
  installs(replica: string, appliedSlot: number, image: StateImage): void;
}

/** Until a report that was not decided counts as lost, in ticks. */
const reportAgainTicks = 24;

/** What a replica's process does besides hosting the role: the state, its disk, reports, snapshots. */
export class ReplicaProcess {
  readonly #id: string;
  readonly #genesis: Genesis;
  readonly #options: WorldOptions;
  readonly #random: Random;
  readonly #watcher: ReplicaWatcher;
  disk: ReplicaDisk;
  state: ReplicatedList;
  /** A snapshot took the state's place, and the role has not heard of it yet. */
  #installed: Installed | undefined;
  #trimPointTold = 0;
  #reported = 0;
  #ticksSinceReport = 0;

  constructor(id: string, genesis: Genesis, options: WorldOptions, random: Random, watcher: ReplicaWatcher) {
    this.#id = id;
    this.#genesis = genesis;
    this.#options = options;
    this.#random = random;
    this.#watcher = watcher;
    this.disk = new ReplicaDisk(`store-${id}`, options.keptLog);
    this.state = this.#stateOf(this.disk.durable);
  }

  /** Starts from what is on disk. */
  start(): StateImage {
    this.state = this.#stateOf(this.disk.durable);
    this.#trimPointTold = 0;
    this.#reported = 0;
    this.#ticksSinceReport = 0;
    return this.disk.durable;
  }

  crash(): void {
    this.disk.crash();
    this.#installed = undefined;
  }

  loseDisk(store: string): void {
    this.disk = new ReplicaDisk(store, this.#options.keptLog);
  }

  /** As PMMC's perform(); what a snapshot holds already is not applied again, though the role may not know it yet. */
  apply(slot: number, value: Value, role: Replica): void {
    if (slot <= this.state.slot) return;
    const { names, trimPoint } = this.state;
    let index = names.length;
    const executed = this.state.apply(value);
    this.#watcher.applies(this.#id, slot, value, this.state.image(role.configurations));
    for (const name of executed) this.#watcher.executed(this.#id, index++, name);
    this.disk.append(slot, value);
    if (this.state.trimPoint > trimPoint) this.#watcher.trimPointMoved(slot, this.state.trimPoint);
  }

  /** What the process has to say to its role in this tick. */
  inputs(): ReplicaInput[] {
    const inputs: ReplicaInput[] = [];
    if (this.#installed && this.#random() < 0.15) {
      inputs.push(this.#installed);
      this.#installed = undefined;
    }
    const { trimPoint } = this.state;
    if (trimPoint > this.#trimPointTold && this.#random() < 0.3) {
      this.#trimPointTold = trimPoint;
      inputs.push({ kind: "trim-point", below: trimPoint + 1 });
    }
    const report = this.#report();
    if (report) inputs.push({ kind: "requests", commands: [report] });
    return inputs;
  }

  /** Rule 18: what is on disk, not what was applied; and again until it is decided. */
  #report(): Command | undefined {
    const { store, durable } = this.disk;
    const said = this.state.reports.get(this.#id);
    const slot = durable.lastExecuted;
    const number = (said?.number ?? 0) + 1;
    const wait = number === this.#reported ? reportAgainTicks : this.#options.reportTicks;
    if (this.#ticksSinceReport++ < wait || (said?.store === store && said.slot >= slot)) return undefined;
    this.#reported = number;
    this.#ticksSinceReport = 0;
    return reportCommand({ replica: this.#id, store, slot, number });
  }

  /** A flush that is under way ends; otherwise one begins with what is applied. */
  flush(role: Replica): void {
    if (this.#installed) return;
    if (!this.disk.flushing) {
      if (this.state.slot > this.disk.durable.slot)
        this.disk.beginFlush(this.state.image(role.configurations));
      return;
    }
    this.disk.endFlush();
    this.#watcher.durable(this.disk.store, this.disk.durable.slot);
  }

  /** Rule 19: false, and nothing happens, when the snapshot is not above what is applied already. */
  install(image: StateImage): boolean {
    if (image.slot <= this.state.slot) return false;
    this.#watcher.installs(this.#id, this.state.slot, image);
    this.disk.install(image);
    this.state = this.#stateOf(image);
    this.#installed = { kind: "installed", slotOut: image.slot + 1, configurations: image.configurations };
    this.#watcher.durable(this.disk.store, image.slot);
    return true;
  }

  #stateOf(image: StateImage): ReplicatedList {
    return new ReplicatedList(
      this.#genesis.configuration.replicas.map(({ id }) => id),
      image,
    );
  }
}
