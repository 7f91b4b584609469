import {
  type Command,
  type Genesis,
  type Limits,
  type Member,
  proposalOf,
  Replica,
  type ReplicaInput,
  type RulingConfiguration,
  type ToLeader,
  type Value,
} from "@synod/core";
import {
  type Answer,
  type BoundService,
  Engine,
  type HandlerError,
  type SessionLimits,
} from "@synod/state-machine";
import type { ExecutionMarker, ReplicaStore } from "@synod/storage";
import {
  batch,
  configurationCodec,
  type LogPage,
  type LogRequest,
  type PeerStatus,
  type Scheduler,
} from "@synod/wire";
import { Driver } from "../driver.js";
import type { ExecutionWatch } from "../process/execution-watch.js";
import type { HostLogger } from "../process/host.js";
import { inputBytes } from "../transport/message-bytes.js";
import { CatchUp, catchUpCheckMs } from "./catch-up/catch-up.js";
import { confirmationOf } from "./catch-up/confirmation.js";
import { type KeptLog, trimLog } from "./catch-up/log-keeper.js";
import { logPageOf } from "./catch-up/log-page.js";
import type { OtherReplica } from "./catch-up/other-replica.js";
import { SnapshotReceiver } from "./catch-up/snapshot-receiver.js";
import { SnapshotSender } from "./catch-up/snapshot-sender.js";
import { endsByRemedy, type Halt, refusalOf, unjudgedText, unjudgedWarning } from "./halt.js";
import { LogClock } from "./log-time/log-clock.js";
import { advanceCheckMs, LogTimeMover } from "./log-time/log-time-mover.js";
import { Performer } from "./performer.js";
import { lagOf, obstacleOf, type ReplicaStatus, replicaStateOf } from "./replica-view.js";
import { Reporter, reportCheckMs } from "./reporter.js";
import { GatheredCommands } from "./requests/gathered-commands.js";
import { Requests } from "./requests/requests.js";
import { haltedAnswer } from "./requests/unanswered.js";
import { SystemCommands } from "./system-commands.js";

/** Told of what a replica's process does. */
export interface ReplicaObserver {
  /** A slot was executed, with these answers. */
  applied?(slot: number, value: Value, answers: readonly Answer[]): void;
  /** A snapshot took the state's place. */
  replaced?(): void;
  /** What the role had outstanding was taken back, to be proposed anew (rule 35). */
  withdrew?(): void;
}

/** What a replica's process rests on, be it a machine or a simulated world. */
export interface ReplicaProcessOptions {
  readonly id: string;
  readonly clusterId: string;
  readonly genesis: Genesis;
  readonly limits: Limits;
  /** A number that no other start of this replica has. */
  readonly incarnation: number;
  /** Opened; whoever made the process closes it. */
  readonly store: ReplicaStore;
  readonly services: readonly BoundService[];
  readonly logger: HostLogger;
  readonly scheduler: Scheduler;
  /** Default: those of this machine. */
  readonly clocks?: { readonly monotonicMs: () => number; readonly wallMs: () => number } | undefined;
  /** Draws from 0 to 1. */
  readonly random: () => number;
  /** A name that nothing else has. */
  readonly drawName: () => string;
  readonly marker?: ExecutionMarker | undefined;
  readonly watch?: ExecutionWatch | undefined;
  readonly sessionLimits?: SessionLimits | undefined;
  readonly keptLog?: KeptLog | undefined;
  /** By how much the reporter's waits are shorter than usual. Default 1. */
  readonly reportHaste?: number | undefined;
  /** Of a snapshot that is given, at most about. Default 512 KiB. */
  readonly pageBytes?: number | undefined;
  /** How a leader is reached; the message may be lost. */
  send(leader: string, message: ToLeader): void;
  /** The links to the leaders. */
  links(): readonly Pick<PeerStatus, "id" | "connected" | "problem">[];
  reach(peer: Member): OtherReplica;
  onHandlerError(failure: HandlerError): void;
  readonly observer?: ReplicaObserver | undefined;
  onHalted(halt: Halt): void;
  /** The process must end with this exit code; it sends nothing more. */
  onFatal(code: number, error: unknown): void;
}

/** What was applied and is not on disk, beyond which a replica takes nothing more until a flush has ended. */
const maxPendingBytes = 256 << 20;
const pendingCheckMs = 20;

/** Between looks at whether the log has grown too long and the trim point moved. */
const trimCheckMs = 50;

/**
 * All that a replica is besides its server and its connections: the role and its driver, the services' state, clients'
 * requests, log time, reports, and states given to and taken from others. Time, chance, disks and ways come from outside.
 */
export class ReplicaProcess {
  readonly engine: Engine;
  readonly commands: SystemCommands;
  readonly requests: Requests;
  readonly performer: Performer;
  readonly reporter: Reporter;
  readonly sender: SnapshotSender;
  readonly #options: ReplicaProcessOptions;
  readonly #clock: LogClock;
  readonly #replica: Replica;
  readonly #driver: Driver<ReplicaInput>;
  readonly #timeMover: LogTimeMover;
  readonly #catchUp: CatchUp;
  readonly #gathered = new GatheredCommands();
  #trimPointTold = 0;
  readonly #cancelTimers: (() => void)[] = [];
  #stopping = false;

  constructor(options: ReplicaProcessOptions) {
    this.#options = options;
    const { id, genesis, limits, logger, store, scheduler, drawName, incarnation } = options;
    const commands = new SystemCommands(drawName);
    this.commands = commands;
    this.engine = new Engine({
      state: store.state,
      genesis,
      configurationCodec,
      clusterId: options.clusterId,
      services: options.services,
      sessionLimits: options.sessionLimits,
      onExecuting: (slot, index, service, method) => this.performer.executing(slot, index, service, method),
      onHandlerError: (failure) => options.onHandlerError(failure),
    });
    this.#clock = new LogClock({
      time: this.engine.logTime,
      appliedSlot: this.engine.appliedSlot,
      alone: () => genesis.configuration.replicas.length === 1,
      ...options.clocks,
    });
    this.#replica = new Replica({
      id,
      incarnation,
      genesis,
      configurations: this.engine.configurations,
      slotOut: this.engine.appliedSlot + 1,
      encodeBatch: (all) => this.#encodeBatch(all),
      limits,
    });
    const propose = (command: Command) => this.propose(command);
    this.requests = new Requests({
      engine: this.engine,
      commands,
      scheduler,
      propose,
      obstacle: () => this.obstacle,
      doubt: () => this.#doubt,
    });
    this.#timeMover = new LogTimeMover({
      engine: this.engine,
      clock: this.#clock,
      commands,
      position: () => this.#position,
      propose,
      held: () => this.#gathered.waiting,
      inDoubt: (away) => this.#driver.post({ kind: "withdraw", outstanding: away }),
    });
    this.performer = new Performer({
      engine: this.engine,
      logTime: this.#timeMover,
      proposed: (value) => {
        const proposal = proposalOf(value);
        return proposal?.replica === id && proposal.incarnation === incarnation;
      },
      log: store.log,
      requests: this.requests,
      logger,
      marker: options.marker,
      watch: options.watch,
      onApplied: options.observer?.applied?.bind(options.observer),
      onHalted: (halt) => this.#halted(halt),
      onResumed: (slot) => this.#resumed(slot),
    });
    this.#driver = new Driver<ReplicaInput>({
      role: this.#replica,
      tickMs: limits.tickMs,
      logger,
      scheduler,
      bytesOf: inputBytes,
      gather: () => this.#gather(),
      send: (to, message) => options.send(to.id, message as ToLeader),
      apply: (slot, value) => this.performer.apply(slot, value),
      jumpedOver: (value) => this.performer.jumpedOver(value),
      refuse: (command, reason) => this.requests.refused(command, reason),
      withdrawn: (withdrawn, proposed) => this.#withdrawn(withdrawn, proposed),
      onFatal: (code, error) => options.onFatal(code, error),
    });
    this.reporter = new Reporter({
      replica: id,
      store: store.identity.store,
      engine: this.engine,
      commands,
      durableSlot: () => store.durableSlot,
      position: () => this.#position,
      propose,
      nowMs: () => scheduler.nowMs() * (options.reportHaste ?? 1),
    });
    this.sender = new SnapshotSender({
      store,
      clusterId: options.clusterId,
      scheduler,
      drawName,
      pageBytes: options.pageBytes,
      refusal: (stopped) => refusalOf(this.#stop, stopped),
      confirmation: confirmationOf({
        engine: this.engine,
        configuration: genesis.configuration,
        commands,
        propose,
        nowMs: () => scheduler.nowMs(),
      }),
    });
    this.#catchUp = this.#newCatchUp();
    this.performer.haltIfUnfit();
  }

  get slotOut(): number {
    return this.#replica.slotOut;
  }

  get configurations(): readonly RulingConfiguration[] {
    return this.#replica.configurations;
  }

  /** Of the role. */
  status(): ReturnType<Replica["status"]> {
    return this.#replica.status();
  }

  /** As its status tells it. */
  get state(): ReplicaStatus {
    const { engine, performer, warnings } = this;
    const { durableSlot } = this.#options.store;
    return replicaStateOf({ engine, performer, warnings, durableSlot, role: this.#replica.status() });
  }

  /** A part of the decided log. Throws CallError where another cluster is meant. */
  log(request: LogRequest): LogPage {
    const { clusterId, id: replica, store } = this.#options;
    const { lastSwitch } = this.engine.system.versions;
    return logPageOf({ replica, clusterId, log: store.log, lastSwitch }, request);
  }

  /** Something comes in. False when so much waits that the caller should stop reading until `whenRoom` calls back. */
  post(input: ReplicaInput): boolean {
    return this.#driver.post(input) && this.keepsUp;
  }

  whenRoom(callback: () => void): void {
    this.whenKeepingUp(() => this.#driver.whenRoom(callback));
  }

  /** The disk takes what is applied. */
  get keepsUp(): boolean {
    return this.#options.store.pendingBytes <= maxPendingBytes;
  }

  whenKeepingUp(callback: () => void): void {
    if (this.keepsUp || this.#stopping) callback();
    else this.#options.scheduler.after(pendingCheckMs, () => this.whenKeepingUp(callback));
  }

  /**
   * Takes part, once it may go on from what it has (rule 32).
   * @param takesPart called when it does: leaders may be connected from then on
   */
  async start(takesPart: () => void): Promise<void> {
    this.#driver.start();
    if (!this.#mayTakePart) return;
    await this.#catchUp.begin();
    if (this.#stopping || !this.#mayTakePart) return;
    takesPart();
    if (this.performer.halted === undefined) this.requests.start();
    this.#every(advanceCheckMs, () => this.#keepLogTime());
    this.#every(reportCheckMs, () => {
      if (this.obstacle === "") this.reporter.tick();
    });
    this.#every(catchUpCheckMs, () => this.#catchUp.tick());
    this.#every(trimCheckMs, () => this.#trim());
  }

  get #mayTakePart(): boolean {
    const { halted } = this.performer;
    return halted === undefined || endsByRemedy(halted);
  }

  #every(ms: number, work: () => void): void {
    const cancel = this.#options.scheduler.every(ms, () => {
      if (!this.#stopping && this.performer.halted === undefined) work();
    });
    this.#cancelTimers.push(cancel);
  }

  /** Takes nothing more, and answers whoever waits. `stop` ends the rest. */
  close(reason: string): void {
    this.#stopping = true;
    for (const cancel of this.#cancelTimers) cancel();
    this.requests.close(reason);
  }

  /** Resolves when nothing is under way that needs the store. */
  async stop(): Promise<void> {
    this.#catchUp.close();
    this.sender.close();
    await this.#driver.stop();
  }

  /** A read of this replica's own state. */
  read(service: string, method: string, request: Uint8Array): Answer {
    if (this.#stopped !== undefined) return haltedAnswer(this.#stopped);
    const { watch } = this.#options;
    watch?.begin(0, 0, service, method);
    try {
      return this.engine.query(service, method, request);
    } finally {
      watch?.end();
    }
  }

  /** Has a command proposed that nobody waits for. */
  propose(command: Command): void {
    this.#gathered.add(command);
    this.#driver.wake();
  }

  /** Why this replica answers nothing, whether it executes what is decided (rule 34) or not. */
  get #stopped(): string | undefined {
    return this.performer.halted?.reason ?? this.#doubt;
  }

  /** Whether a person may have its state, as that of a replica that has stopped. */
  get #stop(): Pick<Halt, "outvoted" | "reason"> | undefined {
    const doubt = this.#doubt;
    return this.performer.halted ?? (doubt === undefined ? undefined : { reason: doubt });
  }

  /** It cannot tell whether it is the one that is wrong (rule 34). */
  get #doubt(): string | undefined {
    const { unjudged } = this.engine;
    return unjudged?.stops ? unjudgedText(unjudged, this.#replicas) : undefined;
  }

  /** What is wrong although it goes on. */
  get warnings(): readonly string[] {
    const { unjudged } = this.engine;
    return unjudged === undefined || unjudged.stops ? [] : [unjudgedWarning(unjudged, this.#replicas)];
  }

  /** Why it is not one to rely on; empty when it is. */
  get problem(): string {
    const { beginning, problems } = this.#catchUp;
    if (beginning !== "") return [beginning, ...problems].join("; ");
    if (this.#stopped !== undefined) return this.#stopped;
    const lag = lagOf(this.#replica.status());
    if (lag !== "") return [lag, ...this.#catchUp.problems].join("; ");
    if (this.obstacle === "" && !this.reporter.introduced)
      return "not introduced yet: what it has and offers is still to be decided";
    return this.obstacle;
  }

  /** Why nothing can be decided now; empty when nothing stands in the way. */
  get obstacle(): string {
    const { genesis, links } = this.#options;
    return obstacleOf(this.#replica.status(), genesis.configuration.acceptors, links());
  }

  get #replicas(): readonly Member[] {
    return this.engine.configurations.at(-1)?.configuration.replicas ?? [];
  }

  /** Of this replica among all. */
  get #position(): number {
    const { id, genesis } = this.#options;
    return Math.max(
      0,
      genesis.configuration.replicas.findIndex((replica) => replica.id === id),
    );
  }

  #newCatchUp(): CatchUp {
    const { id, clusterId, genesis, logger, store, scheduler, random, reach } = this.#options;
    const receiver = new SnapshotReceiver({
      store,
      engine: this.engine,
      clusterId,
      replica: id,
      scheduler,
      appliedSlot: () => this.engine.appliedSlot,
      mayApply: (may) => (may ? this.#driver.resume() : this.#driver.pause()),
      replaced: () => this.#replaced(),
    });
    return new CatchUp({
      clusterId,
      peers: genesis.configuration.replicas.filter((member) => member.id !== id),
      reach,
      scheduler,
      random,
      logger,
      receiver,
      slotOut: () => this.engine.appliedSlot + 1,
      introduced: () => this.reporter.introduced,
      trimmedBelow: () => this.#replica.status().trimmedBelow,
      learn: (message) => this.post({ kind: "message", from: { role: "replica", id }, message }),
      whenRoom: (callback) => this.whenRoom(callback),
    });
  }

  /** A snapshot took the place of the state (rule 19). */
  #replaced(): void {
    this.engine.reload();
    const { appliedSlot, configurations } = this.engine;
    this.#timeMover.applied(appliedSlot, undefined, false);
    this.requests.jumped();
    this.#driver.post({ kind: "installed", slotOut: appliedSlot + 1, configurations });
    const halted = this.performer.halted !== undefined;
    this.performer.installed();
    if (halted && this.performer.halted === undefined) this.requests.resume();
    this.#options.observer?.replaced?.();
  }

  /** Rule 18: what a majority has on disk the leaders and acceptors need not keep, and this replica not for ever. */
  #trim(): void {
    const { trimPoint } = this.engine.system.reports;
    const { store, keptLog: kept } = this.#options;
    if (trimPoint > this.#trimPointTold) {
      this.#trimPointTold = trimPoint;
      this.#driver.post({ kind: "trim-point", below: trimPoint + 1 });
    }
    const { lastSwitch } = this.engine.system.versions;
    trimLog(store.log, store.durableSlot, lastSwitch, this.sender.lowestSlot, kept);
  }

  #encodeBatch(commands: readonly Command[]): Uint8Array {
    const all = [...this.engine.system.installationsFor(commands), ...commands];
    return batch.encode({ commands: all, ...this.#clock.say() });
  }

  #gather(): ReplicaInput | undefined {
    if (!this.#gathered.waiting) return undefined;
    this.#clock.look();
    const commands = this.#gathered.take(this.#clock.sure);
    return commands.length === 0 ? undefined : { kind: "requests", commands };
  }

  #withdrawn(commands: readonly Command[], proposed: boolean): void {
    if (proposed) this.#options.observer?.withdrew?.();
    this.#gathered.giveBack(commands);
    this.#driver.wake();
  }

  /**
   * It executes nothing more and answers nobody. Where something may yet be decided about the slot it stopped before, it goes
   * on learning and proposing; otherwise it takes no further part.
   */
  #halted(halt: Halt): void {
    const reason = `this replica ${halt.reason}`;
    if (endsByRemedy(halt)) this.requests.suspend(reason);
    else {
      this.requests.close(reason);
      this.#catchUp.close();
    }
    this.#options.onHalted(halt);
  }

  #resumed(slot: number): void {
    this.requests.resume();
    this.#driver.post({ kind: "rewound", slotOut: slot });
  }

  #keepLogTime(): void {
    this.#timeMover.tick(this.obstacle !== "");
    if (this.#clock.sure && this.#gathered.waiting) this.#driver.wake();
  }
}
