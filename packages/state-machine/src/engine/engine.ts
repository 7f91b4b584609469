import {
  type Command,
  type Genesis,
  invariant,
  type OrderedMap,
  type RulingConfiguration,
} from "@synod/core";
import { Status } from "../definition/status.js";
import { Exhausted } from "../realm/exhaustion.js";
import { type SessionLimits, sessionLimits } from "../sessions/session-table.js";
import type { ConfigurationCodec } from "../state/layout.js";
import { type GivenGround, ownGround } from "../system/foundation.js";
import { hasEffect, type Remedy } from "../system/remedies.js";
import type { Unjudged } from "../system/reports.js";
import type { System } from "../system/system.js";
import { systemService } from "../system/system-command.js";
import { type Answer, answered } from "./answer.js";
import { CommandRunner } from "./command-runner.js";
import type { NextDue } from "./due.js";
import { failed, type HandlerError, type Outcome } from "./execution.js";
import { InstalledServices } from "./installed-services.js";
import { type SlotLimits, slotLimits } from "./limits.js";
import { advanced, type LogTimeState } from "./log-time.js";
import { ReplicatedState } from "./replicated-state.js";
import type { BoundService, Rejection } from "./service.js";
import { isBookkeeping, type SlotContent } from "./slot-content.js";
import { type RunCommand, SlotExecution } from "./slot-execution.js";

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
  /** Replicated behaviour, for tests. */
  readonly slotLimits?: SlotLimits | undefined;
  /** The engine and runtime with which commands are executed, for tests and simulated worlds; those of this process by default. */
  readonly ground?: GivenGround | undefined;
}

type Batch = SlotContent & { readonly kind: "batch" };

/**
 * Executes decided slots on the replicated state (PMMC 2.1's perform). Everything it knows stands in the map, so a new
 * engine over the same map continues exactly where the last one ended. If `apply` throws, the map may hold a part of
 * the slot: the process must end without committing it.
 */
export class Engine {
  readonly #services: InstalledServices;
  readonly #runner: CommandRunner;
  readonly #run: RunCommand;
  readonly #slotLimits: SlotLimits;
  readonly #read: () => ReplicatedState;
  #state: ReplicatedState;

  constructor(options: EngineOptions) {
    const { onExecuting } = options;
    this.#services = new InstalledServices(options.services);
    this.#runner = new CommandRunner(this.#services, options.onHandlerError);
    this.#run = (command, at) =>
      this.#runner.run(this.#state, command, at, {
        running: () => onExecuting?.(at.slot, at.index, command.service, command.method),
      });
    this.#slotLimits = options.slotLimits ?? slotLimits;
    const ground = ownGround(options.sessionLimits ?? sessionLimits, this.#slotLimits, options.ground);
    this.#read = () =>
      new ReplicatedState({
        map: options.state,
        genesis: options.genesis,
        configurationCodec: options.configurationCodec,
        clusterId: options.clusterId,
        sessionLimits: options.sessionLimits,
        offers: this.#services.offers,
        ground,
      });
    this.#state = this.#read();
  }

  /** Continues from what stands in the map now: another process's work, or a snapshot that took its place (rule 19). */
  reload(): void {
    this.#state = this.#read();
  }

  /** The last slot applied; 0 before the first. */
  get appliedSlot(): number {
    return this.#state.progress.slot;
  }

  /** Commands executed so far. */
  get revision(): number {
    return this.#state.progress.revision;
  }

  /** Log time (rule 16), in milliseconds: it moves with the log alone. 0 before the first batch that says one. */
  get logTimeMs(): number {
    return this.logTime.resumeMs;
  }

  /** Log time, that of services that catch up after a standstill too (rule 35). */
  get logTime(): LogTimeState {
    return this.#state.progress.time;
  }

  /** The log times at which the next scheduled commands are due. */
  get nextDue(): NextDue {
    return this.#state.schedule.next;
  }

  /** Hex, chained over all slots applied: two replicas that differ here have diverged (rule 27). */
  get hash(): string {
    return Buffer.from(this.#state.progress.hash).toString("hex");
  }

  /** The configurations known to be decided, oldest first, configuration 1 included. */
  get configurations(): readonly RulingConfiguration[] {
    return this.#state.configurations.known;
  }

  /** Open sessions. */
  get sessions(): number {
    return this.#state.sessions.size;
  }

  /** Synod's own part of the state: versions of services, and reports of the replicas. */
  get system(): System {
    return this.#state.system;
  }

  /** Replicas differ and nobody has judged them (rule 34); undefined when none do. */
  get unjudged(): Unjudged | undefined {
    return this.system.reports.unjudged(this.logTimeMs);
  }

  /** Keys and values that services have stored and scheduled. */
  get stateBytes(): number {
    return this.#state.stored.total;
  }

  /**
   * Something was decided since the last checkpoint, executed or not, which acceptors keep until there is another one.
   * Checkpoints and reports do not count: they would call for the next ones for ever.
   */
  get beyondCheckpoint(): boolean {
    return this.#state.progress.beyondCheckpoint;
  }

  /**
   * For the edge: the reason why this request cannot be executed, whatever the state; costs no slot. The version that will
   * be in force in its slot is not known here: a switch may be decided already that this replica has not applied. So
   * only what every version of this build rejects is rejected, and the log decides on the rest.
   */
  validate(service: string, method: string, request: Uint8Array): Rejection | undefined {
    return this.#services.validate(service, method, request, this.system.versions.inForce(service));
  }

  /**
   * For the edge: the reason why a command finds no room in its session, as far as is known here. Only the log can say whether
   * the session exists at all, because this replica may lag. A command refused so costs no slot, and is not executed later.
   */
  lacksRoom(command: Command): Rejection | undefined {
    const verdict = this.#state.sessions.judge(command);
    return verdict.kind === "refuse" && !verdict.lasting ? verdict : undefined;
  }

  /** For the edge: this changes nothing, as far as this build knows. */
  isQuery({ service, method }: Pick<Command, "service" | "method">): boolean {
    return this.#services.get(service)?.service.kindOf(method) === "query";
  }

  /** For the edge: the answer to a command that has been executed already; undefined if that is not known here. */
  answerTo(command: Command): Answer | undefined {
    const verdict = this.#state.sessions.judge(command);
    return verdict.kind === "repeat" ? answered(command, verdict.answer, "answered", true) : undefined;
  }

  /**
   * Runs a query on the state as it stands here: what this replica has applied, and nobody else is asked (rule 21, stale).
   * The answer's slot is the last one applied.
   */
  query(service: string, method: string, request: Uint8Array): Answer {
    const command = { clientId: "", sequence: 0, acknowledged: 0, service, method, request };
    const { status, message, response, details } = this.#executeLocally(command);
    const isCommand = this.#services.get(service)?.service.kindOf(method) === "command";
    const answer = { status, message, response, slot: this.appliedSlot, details };
    return answered(command, answer, isCommand ? "not-executed" : "answered");
  }

  /** An answer of this replica alone may also be that it could not: nobody else has to agree. */
  #executeLocally(command: Command): Outcome {
    const name = `${command.service}/${command.method}`;
    const service = this.#services.get(command.service)?.service;
    if (service?.kindOf(command.method) === "command")
      return failed(Status.invalidArgument, `${name} is a command: only queries can be read locally`);
    const at = { slot: this.appliedSlot, index: 0 };
    try {
      return this.#runner.run(this.#state, command, at, { uninstalled: service?.version });
    } catch (error) {
      if (!(error instanceof Exhausted)) throw error;
      return failed(Status.internal, `${name} used up this replica's stack or memory`);
    }
  }

  /**
   * Applies the next slot. One answer for each command of a batch, in order.
   * @param decidedRemedies all that were decided for this slot (rule 33)
   */
  apply(slot: number, decided: SlotContent, decidedRemedies: readonly Remedy[] = []): readonly Answer[] {
    const state = this.#state;
    const { map, progress, effects, system } = state;
    invariant(
      slot === progress.slot + 1,
      () => `expected slot ${progress.slot + 1} to be applied next, found ${slot}`,
    );
    effects.begin(progress.hash, slot, decided.kind);
    const remedies = decidedRemedies.filter(hasEffect);
    if (remedies.length > 0) {
      effects.remedies(remedies);
      system.remedy(slot, remedies);
    }
    let answers: readonly Answer[] = [];
    if (decided.kind === "batch") answers = this.#performBatch(slot, decided, remedies);
    else if (decided.kind === "configuration") state.configure(slot, decided.configuration);
    if (!isBookkeeping(decided)) progress.countSlot();
    progress.slot = slot;
    progress.hash = effects.finish();
    this.#checkpoint(system.settle(slot));
    progress.write(map, this.stateBytes);
    return answers;
  }

  #performBatch(slot: number, decided: Batch, remedies: readonly Remedy[]): readonly Answer[] {
    const { progress, effects, system, sessions } = this.#state;
    progress.time = advanced(progress.time, slot, decided);
    effects.time(progress.time);
    const { commands, bytes = requestBytes(commands) } = decided;
    progress.countBytes(bytes);
    system.begin(commands);
    const batchLength = commands.length;
    const limits = this.#slotLimits;
    const execution = new SlotExecution(this.#state, { slot, remedies, batchLength, limits, run: this.#run });
    const answers = commands.map((command, index) => execution.perform(command, index));
    const ran = execution.runDue();
    if (ran || commands.some(({ service }) => service !== systemService))
      progress.time = { ...progress.time, timedSlot: slot };
    sessions.settle();
    return answers;
  }

  /**
   * Notes the hash where that is asked for and of use; wherever a version was switched (rule 32); and after so many slots or
   * bytes of whatever kind, or slots that are no reason to ask would gather for ever.
   */
  #checkpoint({ asked, atLeast }: ReturnType<System["settle"]>): void {
    const { progress, system } = this.#state;
    const last = system.reports.checkpoints.at(-1)?.slot ?? 0;
    if (!progress.outgrew(last) && atLeast <= last && !(asked && progress.beyondCheckpoint)) return;
    system.reports.note(progress.slot, progress.hash);
    progress.checkpointed();
  }
}

function requestBytes(commands: readonly Command[]): number {
  return commands.reduce((bytes, { request }) => bytes + request.length, 0);
}
