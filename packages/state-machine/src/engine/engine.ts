import { createHash } from "node:crypto";
import {
  type Command,
  type Configuration,
  Configurations,
  type Genesis,
  invariant,
  type OrderedMap,
  type RulingConfiguration,
} from "@synod/core";
import { Status } from "../definition/status.js";
import { Exhausted } from "../realm/exhaustion.js";
import type { StoredAnswer } from "../sessions/session-record.js";
import { eraOf, type SessionLimits, SessionTable, sessionLimits } from "../sessions/session-table.js";
import { SlotHash } from "../state/chain.js";
import {
  type Applied,
  appliedKey,
  type ConfigurationCodec,
  configurationKey,
  configurationRange,
  decodeApplied,
  encodeApplied,
  sessionPrefix,
} from "../state/layout.js";
import { StoredBytes } from "../state/stored-bytes.js";
import type { PendingWrite } from "../state/write-set.js";
import { engineName, type Ground, ownGround } from "../system/foundation.js";
import { hasEffect, type Remedy, skips } from "../system/remedies.js";
import type { Unjudged } from "../system/reports.js";
import { System } from "../system/system.js";
import { type Offer, systemCommandOf, systemService } from "../system/system-command.js";
import {
  decodeScheduled,
  dueKeys,
  idKey,
  isDue,
  isDueKey,
  type NextDue,
  nextDue,
  noneDue,
  scheduledIn,
} from "./due.js";
import { type Call, failed, type HandlerError, type Outcome, run } from "./execution.js";
import { checkpointLimits, timeLimits } from "./limits.js";
import {
  type AfterStandstill,
  advanced,
  type LogTimeState,
  type LogTimes,
  type SaidTime,
} from "./log-time.js";
import type { BoundService, Rejection } from "./service.js";
import { isBookkeeping, type SlotContent } from "./slot-content.js";
import { type ServiceSpace, serviceSpace } from "./transaction.js";

/** The answer to one command of a slot. */
export interface Answer {
  readonly clientId: string;
  readonly sequence: number;
  /** gRPC status code. */
  readonly status: number;
  /** Empty on success. */
  readonly message: string;
  /** The encoded response message when the status is 0, else empty. */
  readonly response: Uint8Array;
  /** The slot that decided the command; for a repeat, the first one that did. */
  readonly slot: number;
  /** Executed in an earlier place of the log; this is the answer it got there. */
  readonly repeated: boolean;
  /** What this says about the command, at every replica alike. */
  readonly outcome: AnswerOutcome;
  /** The encoded google.rpc.Status of a declared failure; absent when there is none. */
  readonly details?: Uint8Array | undefined;
}

/** The meanings are those of synod.v1.Outcome. */
export type AnswerOutcome =
  /** The last word on the command, which every repeat gets as well. */
  | "answered"
  /** Refused in a way that holds for every later copy as well. */
  | "not-executed"
  /** This copy was refused for want of room in its session; a later one may find some, and be executed. */
  | "unknown";

export interface EngineOptions {
  /** All of the replicated state. What a slot writes must commit as one (rule 17). */
  readonly state: OrderedMap;
  readonly genesis: Genesis;
  readonly configurationCodec: ConfigurationCodec;
  /** Names of sessions end with its first digits (rule 28). Absent for an engine by itself: its names belong to no cluster. */
  readonly clusterId?: string | undefined;
  readonly services: readonly BoundService[];
  /** Told of undeclared exceptions in handlers, during `apply`. Must not throw. */
  readonly onHandlerError: (error: HandlerError) => void;
  /**
   * Told before each command of a slot, and each that is due in it, is executed, whose place in the slot this is. Called for
   * every command: it must cost next to nothing.
   */
  readonly onExecuting?: (slot: number, index: number, service: string, method: string) => void;
  /** Replicated behaviour, for tests: every replica of a cluster must use the same. */
  readonly sessionLimits?: SessionLimits | undefined;
  /** Fingerprint of the JavaScript that handlers run in, for tests; that of this process by default. */
  readonly runtime?: string | undefined;
}

interface Installed {
  readonly service: BoundService;
  readonly space: ServiceSpace;
}

const tags = Object.freeze({
  ...{ noOp: 0, batch: 1, configuration: 2, put: 3, delete: 4, answer: 5, due: 6, remedies: 7 },
});
const noBytes = new Uint8Array(0);
const nothingApplied: Applied = Object.freeze({
  slot: 0,
  revision: 0,
  logTimeMs: 0,
  slotsSinceCheckpoint: 0,
  catchUpTimeMs: 0,
  timedSlot: 0,
  bytesSinceCheckpoint: 0,
  stateBytes: 0,
  hash: new Uint8Array(32),
});

/**
 * Executes decided slots on the replicated state (PMMC 2.1's perform). Everything it knows stands in the map, so a new
 * engine over the same map continues exactly where the last one ended. If `apply` throws, the map may hold a part of
 * the slot: the process must end without committing it.
 */
export class Engine {
  readonly #state: OrderedMap;
  readonly #services = new Map<string, Installed>();
  readonly #onHandlerError: (error: HandlerError) => void;
  readonly #onExecuting: EngineOptions["onExecuting"];
  readonly #genesis: Genesis;
  readonly #configurationCodec: ConfigurationCodec;
  readonly #era: string;
  readonly #sessionLimits: SessionLimits | undefined;
  readonly #ground: Ground;
  #sessions!: SessionTable;
  #system!: System;
  #configurations!: Configurations;
  #stored!: StoredBytes;
  readonly #slotHash = new SlotHash();
  #appliedSlot = 0;
  #revision = 0;
  #time: LogTimeState = { resumeMs: 0, catchUpMs: 0, timedSlot: 0 };
  #nextDue: NextDue = noneDue;
  #scheduled = 0;
  #scheduleChanged = false;
  #hash: Uint8Array = new Uint8Array(32);
  #slotsSinceCheckpoint = 0;
  #bytesSinceCheckpoint = 0;
  /** Of the slot that is being applied. */
  #remedies: readonly Remedy[] = [];
  #batchLength = 0;

  constructor(options: EngineOptions) {
    const { state, genesis, services, onHandlerError } = options;
    this.#state = state;
    this.#onHandlerError = onHandlerError;
    this.#onExecuting = options.onExecuting;
    for (const service of services) {
      if ([systemService, engineName].includes(service.name) || this.#services.has(service.name)) {
        throw new TypeError(
          `services: expected each name once and none to be ${systemService} or ${engineName}, found ${service.name}`,
        );
      }
      this.#services.set(service.name, { service, space: serviceSpace(service.name) });
    }
    this.#genesis = genesis;
    this.#configurationCodec = options.configurationCodec;
    this.#era = eraOf(options.clusterId ?? "");
    this.#sessionLimits = options.sessionLimits;
    this.#ground = ownGround(options.sessionLimits ?? sessionLimits, options.runtime);
    this.reload();
  }

  /** Continues from what stands in the map now: another process's work, or a snapshot that took its place (rule 19). */
  reload(): void {
    const state = this.#state;
    const stored = state.get(appliedKey);
    const applied = stored === undefined ? nothingApplied : decodeApplied(stored);
    const { logTimeMs: resumeMs, catchUpTimeMs: catchUpMs, timedSlot } = applied;
    this.#time = { resumeMs, catchUpMs, timedSlot };
    this.#appliedSlot = applied.slot;
    this.#revision = applied.revision;
    this.#slotsSinceCheckpoint = applied.slotsSinceCheckpoint;
    this.#bytesSinceCheckpoint = applied.bytesSinceCheckpoint;
    this.#stored = new StoredBytes(state, applied.stateBytes);
    this.#hash = applied.hash;
    const known: RulingConfiguration[] = [];
    for (const [, value] of state.range(configurationRange))
      known.push(this.#configurationCodec.decode(value));
    this.#configurations = new Configurations(this.#genesis, known);
    this.#sessions = new SessionTable(state, sessionPrefix, this.#sessionLimits, this.#era);
    this.#system = new System({
      state,
      sessions: this.#sessions,
      offers: offersOf(this.#services.values()),
      ground: this.#ground,
      configurationCodec: this.#configurationCodec,
      configurations: () => this.#configurations.known.map(({ configuration }) => configuration),
      logTimeMs: () => this.#time.resumeMs,
    });
    this.#nextDue = nextDue(state);
    this.#scheduled = [...scheduledIn(state)].length;
    this.#scheduleChanged = false;
  }

  /** The last slot applied; 0 before the first. */
  get appliedSlot(): number {
    return this.#appliedSlot;
  }

  /** Commands executed so far. */
  get revision(): number {
    return this.#revision;
  }

  /** Log time (rule 16), in milliseconds: it moves with the log alone. 0 before the first batch that says one. */
  get logTimeMs(): number {
    return this.#time.resumeMs;
  }

  /** Log time, that of services that catch up after a standstill too (rule 35). */
  get logTime(): LogTimeState {
    return this.#time;
  }

  /** When the next scheduled commands are due. */
  get nextDue(): NextDue {
    return this.#nextDue;
  }

  /** Hex, chained over all slots applied: two replicas that differ here have diverged (rule 27). */
  get hash(): string {
    return Buffer.from(this.#hash).toString("hex");
  }

  /** The configurations known to be decided, oldest first, configuration 1 included. */
  get configurations(): readonly RulingConfiguration[] {
    return this.#configurations.known;
  }

  /** Open sessions. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** Synod's own part of the state: versions of services, and reports of the replicas. */
  get system(): System {
    return this.#system;
  }

  /** Replicas differ and nobody has judged them (rule 34); undefined when none do. */
  get unjudged(): Unjudged | undefined {
    return this.#system.reports.unjudged(this.#time.resumeMs);
  }

  /** Keys and values that services have stored. */
  get stateBytes(): number {
    return this.#stored.total;
  }

  /**
   * Something was decided since the last checkpoint, executed or not, which acceptors keep until there is another one.
   * Checkpoints and reports do not count: they would call for the next ones for ever.
   */
  get beyondCheckpoint(): boolean {
    return this.#slotsSinceCheckpoint > 0;
  }

  /**
   * For the edge: what would keep this request from being executed, whatever the state. Costs no slot. The version that will
   * be in force in its slot is not known here: a switch may be decided already that this replica has not applied. So
   * only what every version of this build rejects is rejected, and the log decides on the rest.
   */
  validate(service: string, method: string, request: Uint8Array): Rejection | undefined {
    const installed = this.#services.get(service)?.service;
    if (installed === undefined) return noService(service);
    const { oldestVersion, version: newest } = installed;
    const known = this.#system.versions.inForce(service) || newest;
    const rejection = installed.validate(method, request, known);
    for (let version = newest; rejection !== undefined && version >= oldestVersion; version--)
      if (version !== known && installed.validate(method, request, version) === undefined) return undefined;
    return rejection;
  }

  /**
   * For the edge: why a command would find no room in its session, as far as is known here; whether the session is there at
   * all is for the log to say, because this replica may lag. What is refused so costs no slot, and is not executed later.
   */
  lacksRoom(command: Command): Rejection | undefined {
    const verdict = this.#sessions.judge(command);
    return verdict.kind === "refuse" && !verdict.lasting ? verdict : undefined;
  }

  /** For the edge: the answer to a command that has been executed already; undefined if that is not known here. */
  answerTo(command: Command): Answer | undefined {
    const verdict = this.#sessions.judge(command);
    return verdict.kind === "repeat" ? answered(command, verdict.answer, "answered", true) : undefined;
  }

  /**
   * Runs a query on the state as it stands here: what this replica has applied, and nobody else is asked (rule 21, stale).
   * The answer's slot is the last one applied.
   */
  query(service: string, method: string, request: Uint8Array): Answer {
    const command = { clientId: "", sequence: 0, acknowledged: 0, service, method, request };
    const slot = this.#appliedSlot;
    const kind = this.#services.get(service)?.service.kindOf(method);
    const { status, message, response, details } =
      kind === "command"
        ? failed(
            Status.invalidArgument,
            `${service}/${method} is a command: only queries can be read locally`,
          )
        : this.#executeLocally(command, slot);
    const outcome = kind === "command" ? "not-executed" : "answered";
    return answered(command, { status, message, response, slot, details }, outcome);
  }

  /**
   * Applies the next slot. One answer for each command of a batch, in order.
   * @param remedies all that were decided for this slot (rule 33)
   */
  apply(slot: number, decided: SlotContent, remedies: readonly Remedy[] = []): readonly Answer[] {
    invariant(
      slot === this.#appliedSlot + 1,
      () => `expected slot ${this.#appliedSlot + 1} to be applied next, found ${slot}`,
    );
    this.#slotHash.start(this.#hash, slot);
    this.#slotHash.tag(tags[decided.kind === "no-op" ? "noOp" : decided.kind]);
    this.#remedies = remedies.filter(hasEffect);
    if (this.#remedies.length > 0) {
      this.#slotHash.tag(tags.remedies);
      this.#slotHash.text(JSON.stringify(this.#remedies));
      this.#system.remedy(slot, this.#remedies);
    }
    let answers: readonly Answer[] = [];
    if (decided.kind === "batch") {
      this.#advance(slot, decided);
      const { commands, bytes = requestBytes(commands) } = decided;
      this.#bytesSinceCheckpoint +=
        Math.ceil(bytes / checkpointLimits.unitBytes) * checkpointLimits.unitBytes;
      this.#system.begin(commands);
      this.#batchLength = decided.commands.length;
      answers = decided.commands.map((command, index) => this.#perform(command, slot, index));
      const ran = this.#runDue(slot, commands.length);
      if (ran || commands.some(({ service }) => service !== systemService))
        this.#time = { ...this.#time, timedSlot: slot };
      this.#sessions.settle();
    } else if (decided.kind === "configuration") {
      this.#configure(slot, decided.configuration);
    }
    if (!isBookkeeping(decided)) this.#slotsSinceCheckpoint++;
    this.#appliedSlot = slot;
    this.#hash = this.#slotHash.finish();
    this.#checkpoint(slot, this.#system.settle(slot));
    this.#state.put(
      appliedKey,
      encodeApplied({
        slot,
        revision: this.#revision,
        logTimeMs: this.#time.resumeMs,
        catchUpTimeMs: this.#time.catchUpMs,
        timedSlot: this.#time.timedSlot,
        slotsSinceCheckpoint: this.#slotsSinceCheckpoint,
        bytesSinceCheckpoint: this.#bytesSinceCheckpoint,
        stateBytes: this.#stored.total,
        hash: this.#hash,
      }),
    );
    return answers;
  }

  /**
   * Notes the hash where it is asked for, unless nothing is to be had by it; and after so many slots or bytes, whatever they
   * were, or slots that are no reason to ask would gather for ever; and wherever a version was switched (rule 32).
   */
  #checkpoint(slot: number, { asked, atLeast }: ReturnType<System["settle"]>): void {
    const { maxSlots, maxBytes } = checkpointLimits;
    const last = this.#system.reports.checkpoints.at(-1)?.slot ?? 0;
    const grown = slot - last >= maxSlots || this.#bytesSinceCheckpoint >= maxBytes;
    if (!grown && atLeast <= last && !(asked && this.beyondCheckpoint)) return;
    this.#system.reports.note(slot, this.#hash);
    this.#slotsSinceCheckpoint = 0;
    this.#bytesSinceCheckpoint = 0;
  }

  /** sha256, hex, over all keys and values of the state in order. Reads everything: for tests and comparisons. */
  digestOfState(): string {
    const digest = createHash("sha256");
    const length = Buffer.alloc(4);
    for (const entry of this.#state.range({ from: new Uint8Array(0) })) {
      for (const bytes of entry) {
        length.writeUInt32BE(bytes.length);
        digest.update(length).update(bytes);
      }
    }
    return digest.digest("hex");
  }

  #advance(slot: number, said: SaidTime): void {
    this.#time = advanced(this.#time, slot, said);
    this.#slotHash.number(this.#time.resumeMs);
    this.#slotHash.number(this.#time.catchUpMs);
  }

  /**
   * Runs what log time has reached, after the batch: what the batch renewed does not expire (rule 16). What these commands
   * schedule themselves runs in a later slot. Whether anything was due.
   */
  #runDue(slot: number, firstIndex: number): boolean {
    // What is due is no part of a batch that is skipped: it runs in the next slot.
    if (this.#remedies.some(({ skip }) => skip === "batch")) return false;
    if (this.#scheduleChanged) this.#nextDue = nextDue(this.#state);
    this.#scheduleChanged = false;
    if (!isDue(this.#nextDue, this.#time)) return false;
    const keys = dueKeys(this.#state, this.#time, timeLimits.maxDuePerSlot);
    for (const [index, key] of keys.entries()) this.#runScheduled(key, slot, firstIndex + index);
    this.#nextDue = nextDue(this.#state);
    this.#scheduleChanged = false;
    return true;
  }

  #runScheduled(key: Uint8Array, slot: number, index: number): void {
    const stored = this.#state.get(key);
    // One that ran before it in this slot may have unscheduled it.
    if (stored === undefined) return;
    const { service, method, id, request } = decodeScheduled(stored);
    this.#slotHash.tag(tags.due);
    this.#write({ key, value: undefined });
    if (id !== "") this.#write({ key: idKey(service, id), value: undefined });
    this.#scheduled--;
    this.#revision++;
    const command = { clientId: "", sequence: 0, acknowledged: 0, service, method, request };
    this.#hashAnswer(
      this.#skips(index) ? skipped(slot, index) : this.#keep(this.#execute(command, slot, index)),
    );
  }

  #skips(index: number): boolean {
    return this.#remedies.length > 0 && skips(this.#remedies, index, this.#batchLength);
  }

  #perform(command: Command, slot: number, index: number): Answer {
    const answer = this.#answer(command, slot, index);
    this.#hashAnswer(answer);
    return answer;
  }

  #hashAnswer({ status, message, response, details }: Omit<StoredAnswer, "slot">): void {
    this.#slotHash.tag(tags.answer);
    this.#slotHash.number(status);
    this.#slotHash.text(message);
    this.#slotHash.bytes(status === Status.ok ? response : (details ?? noBytes));
  }

  #answer(command: Command, slot: number, index: number): Answer {
    const at = { slot, index };
    const said = systemCommandOf(command);
    if (said !== undefined) return answered(command, { ...this.#system.execute(said, at), slot }, "answered");
    const verdict = this.#sessions.judge(command);
    if (verdict.kind === "refuse") {
      const refusal = { ...failed(verdict.status, verdict.message), slot };
      return answered(command, refusal, verdict.lasting ? "not-executed" : "unknown");
    }
    if (verdict.kind === "repeat") {
      this.#sessions.use(command, at);
      return answered(command, verdict.answer, "answered", true);
    }
    const outcome = this.#skips(index) ? skipped(slot, index) : this.#executed(command, slot, index);
    const { status, message, response, details } = outcome;
    const answer: StoredAnswer =
      details === undefined
        ? { status, message, response, slot }
        : { status, message, response, slot, details };
    this.#sessions.store(command, answer, at);
    return answered(command, answer, "answered");
  }

  #executed(command: Command, slot: number, index: number): Outcome {
    this.#revision++;
    return this.#keep(this.#execute(command, slot, index));
  }

  /** What came of it, now that its writes are made: the outcome, or that it would be too much. */
  #keep(outcome: Outcome): Outcome {
    const admitted = this.#stored.admit(outcome, this.#system.quotaBytes);
    for (const write of admitted.writes) this.#write(write);
    this.#scheduled += admitted.scheduled;
    return admitted;
  }

  #write({ key, value }: PendingWrite): void {
    this.#slotHash.tag(value === undefined ? tags.delete : tags.put);
    this.#slotHash.bytes(key);
    if (isDueKey(key)) this.#scheduleChanged = true;
    if (value === undefined) {
      this.#state.delete(key);
    } else {
      this.#slotHash.bytes(value);
      this.#state.put(key, value);
    }
  }

  /** @param uninstalled the version to run where none is in force yet; none, unless given */
  #execute(command: Command, slot: number, index: number, uninstalled?: number): Outcome {
    const { method, request, clientId, sequence } = command;
    const installed = this.#services.get(command.service);
    const version = this.#system.versions.inForce(command.service) ?? uninstalled;
    const rejection = version === undefined ? notInUse(command.service) : outOfUse(command.service);
    if (!version) return failed(rejection.status, rejection.message);
    if (installed === undefined) {
      const { status, message } = noService(command.service);
      return failed(status, message);
    }
    const afterStandstill = installed.service.afterStandstill(version);
    const call: Call = {
      service: installed.service,
      space: installed.space,
      version,
      method,
      request,
      slot,
      index,
      revision: this.#revision,
      timeMs: timeFor(this.#time, afterStandstill),
      afterStandstill,
      client: clientId === "" ? undefined : { id: clientId, sequence },
      previousHash: this.#hash,
      scheduled: this.#scheduled,
    };
    if (slot > this.#appliedSlot) this.#onExecuting?.(slot, index, command.service, method);
    return run(this.#state, call, this.#onHandlerError);
  }

  /** What only this replica answers may also be that it could not: nobody else has to agree. */
  #executeLocally(command: Command, slot: number): Outcome {
    try {
      return this.#execute(command, slot, 0, this.#services.get(command.service)?.service.version);
    } catch (error) {
      if (!(error instanceof Exhausted)) throw error;
      return failed(
        Status.internal,
        `${command.service}/${command.method} used up this replica's stack or memory`,
      );
    }
  }

  #configure(slot: number, configuration: Configuration): void {
    if (!this.#configurations.decided(slot, configuration)) return;
    const ruling = this.#configurationCodec.encode(this.#configurations.latest);
    this.#slotHash.bytes(ruling);
    this.#state.put(configurationKey(configuration.number), ruling);
  }
}

function timeFor({ resumeMs, catchUpMs }: LogTimes, afterStandstill: AfterStandstill): number {
  return afterStandstill === "resume" ? resumeMs : catchUpMs;
}

function offersOf(installed: Iterable<Installed>): readonly Offer[] {
  return [...installed].map(({ service: { name, oldestVersion, version, build } }) => {
    const offer = { service: name, oldest: oldestVersion, newest: version };
    return build === undefined ? offer : { ...offer, build };
  });
}

/** The same on every replica: it is kept as the command's answer. */
function skipped(slot: number, index: number): Outcome {
  return failed(
    Status.internal,
    `not executed: whoever operates the cluster had command ${index} of slot ${slot} skipped, which no replica could execute`,
  );
}

function noService(name: string): Rejection {
  return {
    status: Status.unimplemented,
    message: `there is no replicated service "${name.slice(0, 64)}" here`,
  };
}

function outOfUse(name: string): Rejection {
  return { status: Status.unimplemented, message: `service ${name} was taken out of use` };
}

/** Every batch says what its services need; so a replica is known not to have this one, or the batch is nobody's. */
function notInUse(name: string): Rejection {
  return {
    status: Status.failedPrecondition,
    message: `service "${name.slice(0, 64)}" is not in use: not every replica offers the version that was to be used`,
  };
}

function answered(command: Command, answer: StoredAnswer, outcome: AnswerOutcome, repeated = false): Answer {
  const { status, message, response, slot, details } = answer;
  const { clientId, sequence } = command;
  const plain = { clientId, sequence, status, message, response, slot, repeated, outcome };
  return details === undefined ? plain : { ...plain, details };
}

function requestBytes(commands: readonly Command[]): number {
  return commands.reduce((bytes, { request }) => bytes + request.length, 0);
}
