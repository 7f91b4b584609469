import { type Command, proposalOf, Replica, type ReplicaInput, type ToLeader } from "@synod/core";
import { Engine, slotLimits } from "@synod/state-machine";
import { configurationCodec } from "@synod/wire";
import { Driver } from "../driver.js";
import { inputBytes } from "../transport/message-bytes.js";
import { CatchUp } from "./catch-up/catch-up.js";
import { confirmationOf } from "./catch-up/confirmation.js";
import { SnapshotReceiver } from "./catch-up/snapshot-receiver.js";
import { SnapshotSender } from "./catch-up/snapshot-sender.js";
import { mostForReaders, Trimmer } from "./catch-up/trimmer.js";
import { DiskPace } from "./disk-pace.js";
import { type Halt, refusalOf } from "./halt.js";
import { LogClock } from "./log-time/log-clock.js";
import { LogTimeMover } from "./log-time/log-time-mover.js";
import { Performer } from "./performer.js";
import { ReplicaCondition } from "./replica-condition.js";
import type { ReplicaProcessOptions } from "./replica-process-options.js";
import { Reporter } from "./reporter.js";
import { LocalReads } from "./requests/local-reads.js";
import { Proposer } from "./requests/proposer.js";
import { Requests } from "./requests/requests.js";
import { openingLimits, SessionOpenings } from "./requests/session-openings.js";
import { SlotRemedies } from "./slot-remedies.js";
import { SystemCommands } from "./system-commands.js";

/** Told of what several parts have to do with. */
export interface ReplicaEvents {
  halted(halt: Halt): void;
  /** The reason for its halt is over: the decisions from this slot on are wanted once more. */
  resumed(slot: number): void;
  /** A snapshot took the state's place. */
  replaced(): void;
  /** The role gives commands back. @param proposed it had proposed some of them */
  withdrawn(commands: readonly Command[], proposed: boolean): void;
  stopping(): boolean;
}

/** The parts of a replica's process, connected with each other. */
export class ReplicaParts {
  readonly engine: Engine;
  readonly commands: SystemCommands;
  readonly role: Replica;
  readonly driver: Driver<ReplicaInput>;
  readonly remedies: SlotRemedies;
  readonly proposer: Proposer;
  readonly requests: Requests;
  readonly openings: SessionOpenings;
  readonly reads: LocalReads;
  readonly timeMover: LogTimeMover;
  readonly performer: Performer;
  readonly reporter: Reporter;
  readonly sender: SnapshotSender;
  readonly catchUp: CatchUp;
  readonly trimmer: Trimmer;
  readonly pace: DiskPace;
  readonly condition: ReplicaCondition;
  readonly #options: ReplicaProcessOptions;
  readonly #events: ReplicaEvents;
  readonly #clock: LogClock;

  constructor(options: ReplicaProcessOptions, events: ReplicaEvents) {
    this.#options = options;
    this.#events = events;
    const { store, scheduler, keptLog } = options;
    this.commands = new SystemCommands(options.drawName);
    this.engine = this.#newEngine();
    const { engine } = this;
    this.#clock = new LogClock({
      time: engine.logTime,
      appliedSlot: engine.appliedSlot,
      alone: () => options.genesis.configuration.replicas.length === 1,
      ...options.clocks,
    });
    this.proposer = this.#newProposer();
    this.role = this.#newRole();
    this.requests = new Requests({
      engine,
      commands: this.commands,
      scheduler,
      propose: (command, caller) => this.proposer.propose(command, caller),
      proposeAgain: (command) => this.proposer.proposeAgain(command),
      took: (command, bytes) => this.proposer.executed(command, bytes),
      forget: (command) => this.proposer.forget(command),
      sessionWindow: options.sessionLimits?.maxWindow,
      maxWaiting: options.limits.maxQueuedCommands,
      maxWaitingBytes: options.limits.maxQueuedBytes,
      obstacle: () => this.condition.obstacle,
      lag: () => this.condition.lag,
      doubt: () => this.condition.doubt,
    });
    const limits = options.openingLimits ?? openingLimits;
    const { commands, requests } = this;
    this.openings = new SessionOpenings({ commands, requests, scheduler, limits });
    this.reads = new LocalReads({ scheduler, asked: () => this.proposer.asked });
    this.timeMover = this.#newTimeMover();
    this.performer = this.#newPerformer();
    this.driver = this.#newDriver();
    this.remedies = this.#newRemedies();
    this.reporter = this.#newReporter();
    this.sender = this.#newSender();
    this.catchUp = this.#newCatchUp();
    this.trimmer = new Trimmer({
      ...{ engine, store, keptLog, sender: this.sender, logger: options.logger },
      trimPointMoved: (below) => this.driver.post({ kind: "trim-point", below }),
    });
    this.pace = new DiskPace({ store, scheduler, stopping: () => events.stopping() });
    this.condition = new ReplicaCondition({
      ...{ engine, performer: this.performer, reporter: this.reporter, catchUp: this.catchUp },
      genesis: options.genesis,
      role: () => this.role.status(),
      links: () => options.links(),
    });
  }

  /** Something comes in. False when so much waits that the caller should stop reading until `whenRoom` calls back. */
  post(input: ReplicaInput): boolean {
    return this.driver.post(input) && this.pace.keepsUp;
  }

  whenRoom(callback: () => void): void {
    this.pace.whenKeepingUp(() => this.driver.whenRoom(callback));
  }

  /** This replica's place among all, from 0. */
  get #position(): number {
    const { id, genesis } = this.#options;
    return Math.max(
      0,
      genesis.configuration.replicas.findIndex((replica) => replica.id === id),
    );
  }

  #newEngine(): Engine {
    const { store, genesis, clusterId, services, ground, onHandlerError } = this.#options;
    const { sessionLimits, slotLimits } = this.#options;
    const replicas = genesis.configuration.replicas.length;
    if (sessionLimits && sessionLimits.maxSessions < replicas)
      throw new Error(
        `maxSessions: expected at least ${replicas}, since each of the replicas keeps one of its own, found ${sessionLimits.maxSessions}`,
      );
    return new Engine({
      ...{ state: store.state, genesis, configurationCodec, clusterId, services, ground },
      ...{ sessionLimits, slotLimits },
      onExecuting: (slot, index, service, method) => this.performer.executing(slot, index, service, method),
      onHandlerError: (failure) => onHandlerError(failure),
    });
  }

  #newRole(): Replica {
    const { id, incarnation, genesis, limits } = this.#options;
    return new Replica({
      ...{ id, incarnation, genesis, limits },
      configurations: this.engine.configurations,
      slotOut: this.engine.appliedSlot + 1,
      encodeBatch: (commands) => this.proposer.encode(commands),
    });
  }

  #newProposer(): Proposer {
    const { genesis, limits, scheduler, slotLimits: slot = slotLimits } = this.#options;
    const replicas = genesis.configuration.replicas.length;
    return new Proposer({
      ...{ engine: this.engine, clock: this.#clock, limits },
      turns: { replicas, position: () => this.#position, scheduler },
      slotRoomBytes: slot.maxBytes,
      queued: () => {
        const { queued: commands, queuedBytes: bytes } = this.role.status();
        return { commands, bytes };
      },
      wake: () => this.driver.wake(),
    });
  }

  #newTimeMover(): LogTimeMover {
    return new LogTimeMover({
      engine: this.engine,
      clock: this.#clock,
      commands: this.commands,
      position: () => this.#position,
      propose: (command) => this.proposer.propose(command),
      held: () => this.proposer.held,
      inDoubt: (away) => this.driver.post({ kind: "withdraw", outstanding: away }),
    });
  }

  #newPerformer(): Performer {
    const { id, incarnation, store, logger, marker, scheduler, watch, observer } = this.#options;
    return new Performer({
      ...{ engine: this.engine, logTime: this.timeMover, log: store.log, requests: this.requests },
      proposer: this.proposer,
      ...{ logger, marker, scheduler, watch },
      proposed: (value) => {
        const proposal = proposalOf(value);
        return proposal?.replica === id && proposal.incarnation === incarnation;
      },
      onApplied: observer?.applied?.bind(observer),
      onHalted: (halt) => this.#events.halted(halt),
      onResumed: (slot) => this.#events.resumed(slot),
    });
  }

  #newDriver(): Driver<ReplicaInput> {
    const { limits, logger, scheduler, send, onFatal } = this.#options;
    return new Driver<ReplicaInput>({
      ...{ role: this.role, tickMs: limits.tickMs, logger, scheduler },
      bytesOf: inputBytes,
      gather: () => this.proposer.gather(),
      mayStep: () => this.pace.keepsUp,
      send: (to, message) => send(to.id, message as ToLeader),
      apply: (slot, value) => {
        this.performer.apply(slot, value);
        this.proposer.roomLeft();
      },
      jumpedOver: (value) => {
        this.performer.jumpedOver(value);
        this.proposer.roomLeft();
      },
      refuse: (command, reason) => this.requests.refused(command, reason),
      withdrawn: (withdrawn, proposed) => this.#events.withdrawn(withdrawn, proposed),
      onFatal: (code, error) => onFatal(code, error),
    });
  }

  #newRemedies(): SlotRemedies {
    const { engine, commands, requests, performer } = this;
    const { marker, scheduler, store } = this.#options;
    return new SlotRemedies({
      ...{ commands, requests, scheduler, marker, performer },
      propose: (command) => this.proposer.propose(command),
      appliedSlot: () => engine.appliedSlot,
      durableSlot: () => store.durableSlot,
      highestKnown: () => this.role.status().highestKnown,
      remedyOf: (slot) => engine.system.remedyOf(slot),
    });
  }

  #newReporter(): Reporter {
    const { id, store, scheduler, reportHaste = 1 } = this.#options;
    return new Reporter({
      replica: id,
      store: store.identity.store,
      engine: this.engine,
      commands: this.commands,
      durableSlot: () => store.durableSlot,
      position: () => this.#position,
      propose: (command) => this.proposer.propose(command),
      nowMs: () => scheduler.nowMs() * reportHaste,
    });
  }

  #newSender(): SnapshotSender {
    const { id, store, clusterId, genesis, scheduler, drawName, pageBytes } = this.#options;
    return new SnapshotSender({
      ...{ store, clusterId, scheduler, drawName, pageBytes, replica: id, reads: this.reads },
      replicas: () => genesis.configuration.replicas.map((member) => member.id),
      maxGrowth: () => mostForReaders(this.engine.stateBytes),
      refusal: (stopped) => refusalOf(this.condition.stop, stopped),
      confirmation: confirmationOf({
        engine: this.engine,
        configuration: genesis.configuration,
        commands: this.commands,
        propose: (command) => this.proposer.propose(command),
        nowMs: () => scheduler.nowMs(),
      }),
    });
  }

  #newCatchUp(): CatchUp {
    const { id, clusterId, genesis, logger, store, scheduler, random, reach } = this.#options;
    const receiver = new SnapshotReceiver({
      ...{ store, engine: this.engine, clusterId, replica: id, scheduler },
      appliedSlot: () => this.engine.appliedSlot,
      mayApply: (may) => (may ? this.driver.resume() : this.driver.pause()),
      replaced: () => this.#events.replaced(),
    });
    return new CatchUp({
      ...{ clusterId, replica: id, reach, scheduler, random, logger, receiver },
      peers: genesis.configuration.replicas.filter((member) => member.id !== id),
      // One that waits before a slot needs what it has not looked at yet; the state of another ends the waiting.
      slotOut: () =>
        this.performer.halted === undefined ? this.engine.appliedSlot + 1 : this.role.status().slotOut,
      durableSlot: () => store.durableSlot,
      introduced: () => this.reporter.introduced,
      trimmedBelow: () => this.role.status().trimmedBelow,
      learn: (message) => this.post({ kind: "message", from: { role: "replica", id }, message }),
      whenRoom: (callback) => this.whenRoom(callback),
    });
  }
}
