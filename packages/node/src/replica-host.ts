import { randomInt } from "node:crypto";
import { performance } from "node:perf_hooks";
import {
  type Command,
  type FromLeader,
  type Member,
  type Peer,
  proposalOf,
  Replica,
  type ReplicaInput,
  type ToLeader,
} from "@synod/core";
import {
  type Answer,
  type BoundService,
  Engine,
  type HandlerError,
  type ReplicatedService,
  systemService,
} from "@synod/state-machine";
import type { ExecutionMarker, ReplicaStore } from "@synod/storage";
import { batch, leaderService, loadServices, type Status } from "@synod/wire";
import { CatchUp, catchUpCheckMs } from "./catch-up.js";
import { confirmationOf } from "./confirmation.js";
import { Driver } from "./driver.js";
import type { ExecutionWatch } from "./execution-watch.js";
import { endsByRemedy, type Halt, refusalOf, unjudgedText, unjudgedWarning } from "./halt.js";
import {
  connectedInput,
  type Host,
  type HostOptions,
  helloOf,
  hostServer,
  incarnationLimit,
  statusOf,
} from "./host.js";
import { Link } from "./link.js";
import { LogClock } from "./log-clock.js";
import { trimLog } from "./log-keeper.js";
import { advanceCheckMs, LogTimeMover } from "./log-time-mover.js";
import { inputBytes } from "./message-bytes.js";
import { Performer } from "./performer.js";
import { haltedAnswer, ReplicaServices } from "./replica-services.js";
import { haltStatus, lagOf, obstacleOf, servicesOf } from "./replica-view.js";
import { addReplicatedServices } from "./replicated-services.js";
import { Reporter, reportCheckMs } from "./reporter.js";
import { Requests } from "./requests.js";
import type { Server } from "./server.js";
import { SlotRemedies } from "./slot-remedies.js";
import { SnapshotReceiver } from "./snapshot-receiver.js";
import { SnapshotSender } from "./snapshot-sender.js";
import { mayBeDecidedAgain } from "./system-commands.js";

export interface ReplicaHostOptions extends HostOptions {
  /** Opened, with an `onFailure` that ends the process with exit code 7; the host closes it. */
  readonly store: ReplicaStore;
  /** Bound to the codecs of their own descriptors here; one that does not fit its proto is refused. */
  readonly services: readonly ReplicatedService[];
  /** Told what a handler threw that its service does not declare, besides the log. */
  readonly onHandlerError?: (failure: HandlerError) => void;
  /** Which slot is being executed, for the next start; beside the store, so there is none where that is in memory. */
  readonly marker?: ExecutionMarker | undefined;
  /** Ends the process when one command is executed for too long; the host stops it. */
  readonly watch?: ExecutionWatch | undefined;
  /** For tests. */
  readonly logClock?: { readonly monotonicMs: () => number; readonly wallMs: () => number };
  /** Descriptor sets of services that do not come with Synod, for reflection. */
  readonly descriptorSets?: readonly Uint8Array[];
}

/** What was applied and is not on disk, beyond which a replica takes nothing more until a flush has ended. */
const maxPendingBytes = 256 << 20;
const pendingCheckMs = 20;

function isOfSynod({ service }: Command): boolean {
  return service === systemService;
}

/** Between looks at whether the log has grown too long and the trim point moved. */
const trimCheckMs = 50;

/** A replica as a service: the role and its driver, the replicated services on its store, and clients' requests. */
export class ReplicaHost implements Host {
  readonly #options: ReplicaHostOptions;
  readonly #services: readonly BoundService[];
  readonly #engine: Engine;
  readonly #clock: LogClock;
  readonly #replica: Replica;
  readonly #driver: Driver<ReplicaInput>;
  readonly #leaders = new Map<string, Link<ToLeader, FromLeader>>();
  readonly #requests: Requests;
  readonly #performer: Performer;
  readonly #reporter: Reporter;
  readonly #timeMover: LogTimeMover;
  readonly #front: ReplicaServices;
  readonly #sender: SnapshotSender;
  readonly #catchUp: CatchUp;
  readonly #server: Server;
  #gathered: Command[] = [];
  #port = 0;
  #trimPointTold = 0;
  readonly #timers: NodeJS.Timeout[] = [];
  #stopping: Promise<void> | undefined;

  constructor(options: ReplicaHostOptions) {
    this.#options = options;
    const { id, genesis, limits, logger, store, services } = options;
    this.#services = services.map((service) => service.bind(loadServices));
    this.#engine = new Engine({
      state: store.state,
      genesis,
      clusterId: options.clusterId,
      services: this.#services,
      onExecuting: (slot, index, service, method) => this.#performer.executing(slot, index, service, method),
      onHandlerError: (failure) => {
        const { error, ...where } = failure;
        logger.error({ ...where, err: error }, "a handler failed in a way it does not declare");
        options.onHandlerError?.(failure);
      },
    });
    const { monotonicMs, wallMs } = options.logClock ?? {};
    this.#clock = new LogClock({
      time: this.#engine.logTime,
      appliedSlot: this.#engine.appliedSlot,
      alone: () => genesis.configuration.replicas.length === 1,
      monotonicMs,
      wallMs,
    });
    const incarnation = randomInt(1, incarnationLimit);
    this.#replica = new Replica({
      id,
      incarnation,
      genesis,
      configurations: this.#engine.configurations,
      slotOut: this.#engine.appliedSlot + 1,
      encodeBatch: (commands) => this.#encodeBatch(commands),
      limits,
    });
    this.#requests = new Requests({
      engine: this.#engine,
      propose: (command) => this.#propose(command),
      obstacle: () => this.#obstacle,
      doubt: () => this.#doubt,
    });
    this.#timeMover = new LogTimeMover({
      engine: this.#engine,
      clock: this.#clock,
      position: () => this.#position,
      propose: (command) => this.#propose(command),
      held: () => this.#gathered.length > 0,
      inDoubt: (away) => this.#driver.post({ kind: "withdraw", outstanding: away }),
    });
    this.#performer = new Performer({
      engine: this.#engine,
      logTime: this.#timeMover,
      proposed: (value) => {
        const proposal = proposalOf(value);
        return proposal?.replica === id && proposal.incarnation === incarnation;
      },
      log: store.log,
      requests: this.#requests,
      logger,
      marker: options.marker,
      watch: options.watch,
      onHalted: (halt) => this.#halted(halt),
      onResumed: (slot) => this.#resumed(slot),
    });
    this.#driver = new Driver<ReplicaInput>({
      role: this.#replica,
      tickMs: limits.tickMs,
      logger,
      bytesOf: inputBytes,
      gather: () => this.#gather(),
      send: (to, message) => this.#leaders.get(to.id)?.send(message as ToLeader),
      apply: (slot, value) => this.#performer.apply(slot, value),
      jumpedOver: (value) => this.#performer.jumpedOver(value),
      refuse: (command, reason) => this.#requests.refused(command, reason),
      withdrawn: (commands) => {
        // Of the others nobody here can tell what became of them: their callers are told so at their deadline.
        this.#gathered = [...commands.filter(mayBeDecidedAgain), ...this.#gathered];
        this.#driver.wake();
      },
      onFatal: options.onFatal,
    });
    for (const leader of genesis.configuration.leaders) this.#leaders.set(leader.id, this.#link(leader));
    this.#reporter = new Reporter({
      replica: id,
      store: store.identity.store,
      engine: this.#engine,
      durableSlot: () => store.durableSlot,
      position: () => this.#position,
      propose: (command) => this.#propose(command),
      nowMs: () => performance.now(),
    });
    this.#sender = new SnapshotSender({
      store,
      clusterId: options.clusterId,
      refusal: (stopped) => refusalOf(this.#stop, stopped),
      confirmation: confirmationOf({
        engine: this.#engine,
        configuration: genesis.configuration,
        propose: (command) => this.#propose(command),
        nowMs: () => performance.now(),
      }),
    });
    this.#catchUp = this.#newCatchUp();
    this.#front = new ReplicaServices({
      replica: id,
      clusterId: options.clusterId,
      requests: this.#requests,
      log: store.log,
      lastSwitch: () => this.#engine.system.versions.lastSwitch,
      snapshots: this.#sender,
      remedies: new SlotRemedies({
        requests: this.#requests,
        propose: (command) => this.#propose(command),
        marker: options.marker,
        performer: this.#performer,
        appliedSlot: () => this.#engine.appliedSlot,
        highestKnown: () => this.#replica.status().highestKnown,
        remedyOf: (slot) => this.#engine.system.remedyOf(slot),
      }),
      pace: {
        readable: () => this.#keepsUp,
        whenReadable: (callback) => this.#whenKeepingUp(callback),
      },
    });
    const names = ["synod.v1.Replica", ...services.map((service) => service.name)];
    this.#server = hostServer(options, () => this.status(), names, options.descriptorSets);
    this.#front.addTo(this.#server.grpc);
    addReplicatedServices(this.#server.grpc, this.#services, this.#requests, (service, method, request) =>
      this.#read(service, method, request),
    );
    this.#performer.haltIfUnfit();
  }

  get port(): number {
    return this.#port;
  }

  /** It knows who could decide, and has applied (nearly) all that is decided. */
  get serving(): boolean {
    return this.#port !== 0 && this.#stopping === undefined && this.#problem === "";
  }

  async start(): Promise<void> {
    this.#port = await this.#server.listen(this.#options.listen);
    this.#driver.start();
    const { halted } = this.#performer;
    if (halted === undefined || endsByRemedy(halted)) void this.#begin();
  }

  /** Takes part, once it may go on from what it has (rule 32). */
  async #begin(): Promise<void> {
    await this.#catchUp.begin();
    const { halted } = this.#performer;
    if (this.#stopping || (halted !== undefined && !endsByRemedy(halted))) return;
    for (const link of this.#leaders.values()) link.start();
    if (halted === undefined) this.#requests.start();
    const proposing = (work: () => void) => () => {
      if (this.#obstacle === "") work();
    };
    this.#every(advanceCheckMs, () => this.#keepLogTime());
    this.#every(
      reportCheckMs,
      proposing(() => this.#reporter.tick()),
    );
    this.#every(catchUpCheckMs, () => this.#catchUp.tick());
    this.#every(trimCheckMs, () => this.#trim());
  }

  #every(ms: number, work: () => void): void {
    const timer = setInterval(() => {
      if (!this.#stopping && this.#performer.halted === undefined) work();
    }, ms);
    timer.unref();
    this.#timers.push(timer);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  status(): Status {
    const { leader = "", unreachable: _, ...state } = this.#replica.status();
    const peers = [...this.#leaders.values()].map((link) => link.status);
    return statusOf(this.#options, this.serving, this.#problem, peers, {
      role: "replica",
      ...state,
      slotOut: this.#engine.appliedSlot + 1,
      leader,
      hash: this.#engine.hash,
      durableSlot: this.#options.store.durableSlot,
      services: servicesOf(this.#engine.system),
      trimPoint: this.#engine.system.reports.trimPoint,
      lastSwitch: this.#engine.system.versions.lastSwitch,
      node: this.#engine.system.ground.node,
      runtime: this.#engine.system.ground.runtime,
      stateBytes: this.#engine.stateBytes,
      quotaBytes: this.#engine.system.quotaBytes,
      warnings: this.#warnings,
      halt: haltStatus(this.#performer),
    });
  }

  /** Why this replica answers nothing, whether it executes what is decided (rule 34) or not. */
  get #stopped(): string | undefined {
    return this.#performer.halted?.reason ?? this.#doubt;
  }

  /** Whether a person may have its state, as that of a replica that has stopped. */
  get #stop(): Pick<Halt, "outvoted" | "reason"> | undefined {
    const doubt = this.#doubt;
    return this.#performer.halted ?? (doubt === undefined ? undefined : { reason: doubt });
  }

  /** It cannot tell whether it is the one that is wrong (rule 34). */
  get #doubt(): string | undefined {
    const { unjudged } = this.#engine;
    return unjudged?.stops ? unjudgedText(unjudged, this.#replicas) : undefined;
  }

  /** What is wrong although it goes on. */
  get #warnings(): readonly string[] {
    const { unjudged } = this.#engine;
    return unjudged === undefined || unjudged.stops ? [] : [unjudgedWarning(unjudged, this.#replicas)];
  }

  get #replicas(): readonly Member[] {
    return this.#engine.configurations.at(-1)?.configuration.replicas ?? [];
  }

  get #problem(): string {
    const { beginning, problems } = this.#catchUp;
    if (beginning !== "") return [beginning, ...problems].join("; ");
    if (this.#stopped !== undefined) return this.#stopped;
    const lag = lagOf(this.#replica.status());
    if (lag !== "") return [lag, ...this.#catchUp.problems].join("; ");
    if (this.#obstacle === "" && !this.#reporter.introduced)
      return "not introduced yet: what it has and offers is still to be decided";
    return this.#obstacle;
  }

  get #obstacle(): string {
    const links = [...this.#leaders.values()].map((link) => link.status);
    return obstacleOf(this.#replica.status(), this.#options.genesis.configuration.acceptors, links);
  }

  #link({ id, address }: Member): Link<ToLeader, FromLeader> {
    const peer: Peer = { role: "leader", id };
    return new Link<ToLeader, FromLeader>({
      expected: { ...peer, address },
      method: leaderService.Attach,
      credentials: this.#options.channelCredentials,
      hello: () =>
        helloOf(this.#options, {
          role: "replica",
          configurations: this.#replica.configurations,
          slotOut: this.#replica.slotOut,
        }),
      onConnected: (hello) => this.#driver.post(connectedInput(peer, hello)),
      onDisconnected: () => this.#driver.post({ kind: "disconnected", peer }),
      onMessage: (message) => this.#driver.post({ kind: "message", from: peer, message }) && this.#keepsUp,
      whenRoom: (callback) => this.#whenKeepingUp(() => this.#driver.whenRoom(callback)),
    });
  }

  /** The disk takes what is applied. */
  get #keepsUp(): boolean {
    return this.#options.store.pendingBytes <= maxPendingBytes;
  }

  #whenKeepingUp(callback: () => void): void {
    if (this.#keepsUp || this.#stopping) callback();
    else setTimeout(() => this.#whenKeepingUp(callback), pendingCheckMs).unref();
  }

  /** Of this replica among all. */
  get #position(): number {
    const { id, genesis } = this.#options;
    const position = genesis.configuration.replicas.findIndex((replica) => replica.id === id);
    return Math.max(0, position);
  }

  #newCatchUp(): CatchUp {
    const { id, clusterId, genesis, channelCredentials, logger, store } = this.#options;
    const receiver = new SnapshotReceiver({
      store,
      engine: this.#engine,
      clusterId,
      replica: id,
      appliedSlot: () => this.#engine.appliedSlot,
      mayApply: (may) => (may ? this.#driver.resume() : this.#driver.pause()),
      replaced: () => this.#replaced(),
    });
    return new CatchUp({
      clusterId,
      peers: genesis.configuration.replicas.filter((member) => member.id !== id),
      credentials: channelCredentials,
      logger,
      receiver,
      slotOut: () => this.#engine.appliedSlot + 1,
      introduced: () => this.#reporter.introduced,
      trimmedBelow: () => this.#replica.status().trimmedBelow,
      learn: (message) =>
        this.#driver.post({ kind: "message", from: { role: "replica", id }, message }) && this.#keepsUp,
      whenRoom: (callback) => this.#whenKeepingUp(() => this.#driver.whenRoom(callback)),
    });
  }

  /** A snapshot took the place of the state (rule 19). */
  #replaced(): void {
    this.#engine.reload();
    const { appliedSlot, configurations } = this.#engine;
    this.#timeMover.applied(appliedSlot, undefined, false);
    this.#requests.jumped();
    this.#driver.post({ kind: "installed", slotOut: appliedSlot + 1, configurations });
    const halted = this.#performer.halted !== undefined;
    this.#performer.installed();
    if (halted && this.#performer.halted === undefined) this.#requests.resume();
  }

  /** Rule 18: what a majority has on disk the leaders and acceptors need not keep, and this replica not for ever. */
  #trim(): void {
    const { trimPoint } = this.#engine.system.reports;
    const { store } = this.#options;
    if (trimPoint > this.#trimPointTold) {
      this.#trimPointTold = trimPoint;
      this.#driver.post({ kind: "trim-point", below: trimPoint + 1 });
    }
    const { lastSwitch } = this.#engine.system.versions;
    trimLog(store.log, store.durableSlot, lastSwitch, this.#sender.lowestSlot);
  }

  #propose(command: Command): void {
    this.#gathered.push(command);
    this.#driver.wake();
  }

  #encodeBatch(commands: readonly Command[]): Uint8Array {
    const all = [...this.#engine.system.installationsFor(commands), ...commands];
    return batch.encode({ commands: all, ...this.#clock.say() });
  }

  /**
   * All commands of one turn are one input, so that they share a batch (rule 13). While the clock is in doubt, clients'
   * wait here, as many as may wait at all (rule 35).
   */
  #gather(): ReplicaInput | undefined {
    const all = this.#gathered;
    if (all.length > 0) this.#clock.look();
    const commands = this.#clock.sure ? all : all.filter(isOfSynod);
    if (commands.length === 0) return undefined;
    this.#gathered = commands.length === all.length ? [] : all.filter((command) => !isOfSynod(command));
    return { kind: "requests", commands };
  }

  /** A read of this replica's own state. */
  #read(service: string, method: string, request: Uint8Array): Answer {
    if (this.#stopped !== undefined) return haltedAnswer(this.#stopped);
    const { watch } = this.#options;
    watch?.begin(0, 0, service, method);
    try {
      return this.#engine.query(service, method, request);
    } finally {
      watch?.end();
    }
  }

  /**
   * It executes nothing more and answers nobody. Where something may yet be decided about the slot it stopped before, it goes
   * on learning and proposing; otherwise it takes no further part.
   */
  #halted(halt: Halt): void {
    const reason = `this replica ${halt.reason}`;
    if (endsByRemedy(halt)) this.#requests.suspend(reason);
    else {
      for (const link of this.#leaders.values()) link.close();
      this.#requests.close(reason);
      this.#catchUp.close();
    }
    this.#front.end(reason);
  }

  #resumed(slot: number): void {
    this.#requests.resume();
    this.#driver.post({ kind: "rewound", slotOut: slot });
  }

  #keepLogTime(): void {
    this.#timeMover.tick(this.#obstacle !== "");
    if (this.#clock.sure && this.#gathered.length > 0) this.#driver.wake();
  }

  async #end(): Promise<void> {
    this.#options.onStopping?.();
    for (const timer of this.#timers) clearInterval(timer);
    const reason = "this replica is shutting down";
    this.#requests.close(reason);
    // The answers of `close` leave first.
    await new Promise((resolve) => setImmediate(resolve));
    this.#front.end(`${reason}; ask another one`);
    this.#catchUp.close();
    this.#sender.close();
    for (const link of this.#leaders.values()) link.close();
    await Promise.all([this.#driver.stop(), this.#server.stop()]);
    await this.#options.watch?.stop();
    await this.#options.store.close();
    this.#options.marker?.close();
  }
}
