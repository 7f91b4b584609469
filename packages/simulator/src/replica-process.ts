import type { Command, Genesis, Installed, Random, ReplicaInput, Value, Withdraw } from "@synod/core";
import {
  type Confirmation,
  confirmationOf,
  decidedOf,
  LogClock,
  LogTimeMover,
  Reporter,
} from "@synod/node/parts";
import { type Answer, Engine, systemService } from "@synod/state-machine";
import { batch } from "@synod/wire";
import type { Clock } from "./clock.js";
import { Front, type Told } from "./front.js";
import type { WorldOptions } from "./options.js";
import { ReplicaDisk, type Snapshot } from "./replica-disk.js";
import { clusterId, services } from "./services.js";
import { Violation } from "./violation.js";

/** Told of everything that a replica's process does. */
export interface ReplicaWatcher {
  /** A slot was applied, with these answers. */
  applied(replica: string, slot: number, value: Value, engine: Engine, answers: readonly Answer[]): void;
  trimPointMoved(slot: number, trimPoint: number): void;
  durable(store: string, slot: number): void;
  installs(replica: string, appliedSlot: number, slot: number): void;
  /** A snapshot has taken the state's place. */
  installed(replica: string, engine: Engine): void;
}

export interface ReplicaProcessOptions {
  readonly id: string;
  readonly genesis: Genesis;
  readonly options: WorldOptions;
  readonly random: Random;
  readonly clock: Clock;
  readonly watcher: ReplicaWatcher;
  /** A name that nothing else has. */
  readonly nonce: () => string;
}

/** What a replica's process does besides hosting the role: the state, its disk, log time, reports, snapshots. */
export class ReplicaProcess {
  readonly #options: ReplicaProcessOptions;
  disk: ReplicaDisk;
  #engine!: Engine;
  #front!: Front;
  #logClock!: LogClock;
  #reporter!: Reporter;
  #timeMover!: LogTimeMover;
  #confirmation!: Confirmation;
  /** Commands that go to the role in its next turn. */
  #gathered: Command[] = [];
  /** A snapshot took the state's place, and the role has not heard of it yet. */
  #installed: Installed | undefined;
  /** For the role's next turn. */
  #withdraw: Withdraw | undefined;
  #trimPointTold = 0;

  constructor(options: ReplicaProcessOptions) {
    this.#options = options;
    this.disk = new ReplicaDisk(`store-${options.id}`, options.options.keptLog);
    this.start();
  }

  get engine(): Engine {
    return this.#engine;
  }

  /** What others have said of this state. */
  get confirmation(): Confirmation {
    return this.#confirmation;
  }

  /** Starts from what is on disk. */
  start(): void {
    const { id, genesis, options, clock, nonce } = this.#options;
    const { disk } = this;
    const { maxSessions } = options;
    this.#engine = new Engine({
      state: disk.state,
      genesis,
      clusterId,
      services,
      onHandlerError: ({ service, method, error }) => {
        throw new Violation(`${service}/${method} failed at ${id}: ${error}`);
      },
      sessionLimits: { ...sessionBounds, maxSessions },
    });
    const engine = this.#engine;
    this.#front = new Front(engine);
    this.#logClock = new LogClock({
      time: engine.logTime,
      appliedSlot: engine.appliedSlot,
      alone: () => genesis.configuration.replicas.length === 1,
      monotonicMs: () => clock.monotonicMs,
      wallMs: () => clock.wallMs,
    });
    const position = () =>
      Math.max(
        0,
        genesis.configuration.replicas.findIndex((each) => each.id === id),
      );
    const propose = (command: Command) => this.#gathered.push({ ...command, clientId: nonce() });
    this.#reporter = new Reporter({
      replica: id,
      store: disk.store,
      engine,
      durableSlot: () => disk.durableSlot,
      position,
      propose,
      nowMs: () => clock.monotonicMs * options.reportHaste,
    });
    this.#confirmation = confirmationOf({
      engine,
      configuration: genesis.configuration,
      propose,
      nowMs: () => clock.monotonicMs,
    });
    this.#timeMover = new LogTimeMover({
      engine,
      clock: this.#logClock,
      position,
      propose,
      held: () => this.#gathered.length > 0,
      inDoubt: (away) => {
        this.#withdraw = { kind: "withdraw", outstanding: away };
      },
    });
    this.#withdraw = undefined;
    this.#trimPointTold = 0;
  }

  crash(): void {
    this.disk.crash();
    this.#installed = undefined;
    this.#withdraw = undefined;
    this.#gathered = [];
  }

  loseDisk(store: string): void {
    this.disk = new ReplicaDisk(store, this.#options.options.keptLog);
  }

  /** A client's command. `answer` is called once at most, and never after a crash. */
  submit(command: Command, answer: (told: Told) => void): void {
    if (this.#front.submit(command, answer)) this.#gathered.push(command);
  }

  /** Commands that were taken in and not answered yet. */
  get waiting(): number {
    return this.#front.waiting;
  }

  refused(command: Command): void {
    this.#front.refused(command);
  }

  encodeBatch(commands: readonly Command[]): Uint8Array {
    const all = [...this.#engine.system.installationsFor(commands), ...commands];
    return batch.encode({ commands: all, ...this.#logClock.say() });
  }

  /**
   * As PMMC's perform(); what a snapshot holds already is not applied again, though the role may not know it yet.
   * @param own this process proposed it
   */
  apply(slot: number, value: Value, own: boolean): void {
    const { id, watcher } = this.#options;
    const engine = this.#engine;
    if (slot <= engine.appliedSlot) {
      this.jumpedOver(value);
      return;
    }
    const { trimPoint } = engine.system.reports;
    const decided = decidedOf(value);
    const answers = engine.apply(slot, decided);
    watcher.applied(id, slot, value, engine, answers);
    this.#timeMover.applied(slot, decided, own);
    this.disk.append(slot, value);
    if (engine.system.reports.trimPoint > trimPoint)
      watcher.trimPointMoved(slot, engine.system.reports.trimPoint);
    if (decided.kind !== "batch") return;
    decided.commands.forEach((command, index) => {
      this.#front.executed(command, answers[index] as Answer);
    });
  }

  /** Only answers are left of what a snapshot has jumped over. */
  jumpedOver(value: Value): void {
    const decided = decidedOf(value);
    if (decided.kind === "batch") for (const command of decided.commands) this.#front.jumpedOver(command);
  }

  /** The role gives commands back that are to be proposed later. */
  withdrawn(commands: readonly Command[]): void {
    this.#gathered = [...commands, ...this.#gathered];
  }

  /** What the process has to say to its role in this tick. @param obstacle nothing can be decided now */
  inputs(obstacle: boolean): ReplicaInput[] {
    const { random } = this.#options;
    const inputs: ReplicaInput[] = [];
    if (this.#installed && random() < 0.15) {
      inputs.push(this.#installed);
      this.#installed = undefined;
    }
    const { trimPoint } = this.#engine.system.reports;
    if (trimPoint > this.#trimPointTold && random() < 0.3) {
      this.#trimPointTold = trimPoint;
      inputs.push({ kind: "trim-point", below: trimPoint + 1 });
    }
    this.#timeMover.tick(obstacle);
    if (random() < 0.3) this.#reporter.tick();
    if (this.#withdraw) inputs.push(this.#withdraw);
    this.#withdraw = undefined;
    const commands = this.#gathered.filter((command) => this.#logClock.sure || isOfSynod(command));
    if (commands.length > 0) inputs.push({ kind: "requests", commands });
    this.#gathered = this.#gathered.filter((command) => !commands.includes(command));
    return inputs;
  }

  /** A flush that is under way ends; otherwise one begins with what is applied. */
  flush(): void {
    if (this.#installed) return;
    if (this.disk.flushing) this.endFlush();
    else if (this.#engine.appliedSlot > this.disk.durableSlot) this.disk.beginFlush(this.#engine.appliedSlot);
  }

  endFlush(): void {
    this.disk.endFlush();
    this.#options.watcher.durable(this.disk.store, this.disk.durableSlot);
  }

  /** Rules 19 and 27: false, and nothing happens, when the snapshot is not above what is applied already. */
  install(snapshot: Snapshot): boolean {
    const { id, watcher } = this.#options;
    const engine = this.#engine;
    if (snapshot.slot <= engine.appliedSlot) return false;
    const objection = engine.system.objectionTo(snapshot.rows.filter(([key]) => engine.system.examines(key)));
    if (objection !== undefined) throw new Violation(`${id} refuses a snapshot: ${objection}`);
    watcher.installs(id, engine.appliedSlot, snapshot.slot);
    this.disk.install(snapshot);
    engine.reload();
    watcher.installed(id, engine);
    this.#timeMover.applied(engine.appliedSlot, undefined, false);
    this.#front.jumped();
    const { configurations, appliedSlot } = engine;
    this.#installed = { kind: "installed", slotOut: appliedSlot + 1, configurations };
    watcher.durable(this.disk.store, snapshot.slot);
    return true;
  }
}

function isOfSynod({ service }: Command): boolean {
  return service === systemService;
}

/** Room for all that a short run does. */
export const sessionBounds = { maxWindow: 16, maxSessionBytes: 1 << 16, maxTableBytes: 1 << 20 } as const;
