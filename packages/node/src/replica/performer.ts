import type { Command, Value } from "@synod/core";
import {
  type Answer,
  type Engine,
  Exhausted,
  type Remedy,
  type SlotContent,
  Status,
} from "@synod/state-machine";
import type { DecidedLog, ExecutionMarker } from "@synod/storage";
import { encodeValue, type Scheduler } from "@synod/wire";
import type { ExecutionWatch } from "../process/execution-watch.js";
import { ExitCode } from "../process/exit-code.js";
import { ServiceFailure } from "../process/failure.js";
import type { HostLogger } from "../process/host.js";
import {
  divergedHalt,
  endsByRemedy,
  foreignHalt,
  type Halt,
  heldHalt,
  lackingHalt,
  missedHalt,
  stuckHalt,
} from "./halt.js";
import type { LogTimeMover } from "./log-time/log-time-mover.js";
import { LookAhead } from "./look-ahead.js";
import type { Taken } from "./requests/heavy-commands.js";
import type { Proposer } from "./requests/proposer.js";
import type { Requests } from "./requests/requests.js";
import { decodeSlot } from "./slot-content.js";

export interface PerformerOptions {
  readonly engine: Pick<Engine, "appliedSlot" | "apply" | "system">;
  readonly logTime: Pick<LogTimeMover, "applied">;
  /** This process proposed the value. */
  proposed(value: Value): boolean;
  readonly log: Pick<DecidedLog, "append">;
  readonly requests: Pick<Requests, "executed" | "jumpedOver">;
  /** Told of what each slot took of those who execute it (rule 12). */
  readonly proposer: Pick<Proposer, "applied">;
  readonly logger: Pick<HostLogger, "error" | "info">;
  readonly scheduler: Pick<Scheduler, "nowMs">;
  /** Without one (a store in memory), what ended a process is not known to the next, and no slot can be held. */
  readonly marker?: Pick<ExecutionMarker, "begin" | "end" | "endedBy" | "heldAt" | "note"> | undefined;
  readonly watch?: Pick<ExecutionWatch, "begin" | "end"> | undefined;
  /** A slot was executed, with these answers. */
  readonly onApplied?: ((slot: number, value: Value, answers: readonly Answer[]) => void) | undefined;
  /** Told of the reason when nothing is performed any more. */
  readonly onHalted: (halt: Halt) => void;
  /** The reason for its halt is over: the decisions from this slot on are wanted once more. */
  readonly onResumed: (slot: number) => void;
}

/** The number of times that a slot may end this process before it is executed no more: once more than the first. */
const mayTry = 2;
const noRemedies: readonly Remedy[] = [];
const noBytes = new Uint8Array();

/** PMMC's perform(): what becomes of a decided slot at a replica (rules 17, 19, 26, 27 and 33). */
export class Performer {
  readonly #options: PerformerOptions;
  #halt: Halt | undefined;
  /** While the next slot is not executed, and until it is. */
  #ahead: LookAhead | undefined;
  /** The number of remedies known when the slot was last found not to be executable. */
  #known = 0;
  #slotMs = 0;
  /** The slot ended an earlier process: each command of it is noted before it is executed. */
  #noting = false;

  constructor(options: PerformerOptions) {
    this.#options = options;
  }

  /** The reason why nothing is performed any more, though the process runs. */
  get halted(): Halt | undefined {
    return this.#halt;
  }

  /** The number of remedies for the next slot that are known here: this replica looks ahead only while it does not execute it. */
  get remediesOfNext(): number {
    return this.#remediesFor(this.#options.engine.appliedSlot + 1).length;
  }

  /** Executes a slot, keeps it in the log, and answers whoever waits here. */
  apply(slot: number, value: Value): void {
    const { engine } = this.#options;
    // Below what a snapshot brought: the role has not heard of it yet.
    if (slot <= engine.appliedSlot) {
      this.jumpedOver(value);
      return;
    }
    const decided = this.#decided(slot, value);
    if (this.#halt !== undefined || slot > engine.appliedSlot + 1) {
      this.#lookAhead(slot, decided);
      return;
    }
    const remedies = this.#remediesFor(slot);
    if (this.#haltIfUnfit(decided)) return;
    const startedAt = this.#options.scheduler.nowMs();
    const answers = this.#execute(slot, decided, remedies);
    this.#slotMs = this.#options.scheduler.nowMs() - startedAt;
    this.#ahead = undefined;
    this.#options.logTime.applied(slot, decided, this.#options.proposed(value));
    this.#options.log.append(slot, encodeValue(value));
    this.#options.onApplied?.(slot, value, answers);
    if (decided.kind !== "batch") return;
    this.#answer(slot, decided.commands, answers);
    this.haltIfUnfit();
  }

  #answer(slot: number, commands: readonly Command[], answers: readonly Answer[]): void {
    const { proposer, requests } = this.#options;
    const taken: Taken[] = [];
    commands.forEach((command, index) => {
      const answer = answers[index];
      if (!answer) return;
      if (answer.took !== undefined) taken.push({ command, bytes: answer.took });
      requests.executed(command, answer);
    });
    proposer.applied(slot, taken, this.#slotMs);
  }

  /** A command of the slot that is being applied is about to be executed. */
  executing(slot: number, index: number, service: string, method: string): void {
    this.#options.watch?.begin(slot, index, service, method);
    if (this.#noting) this.#options.marker?.note({ command: { index, service, method } });
  }

  /** A snapshot brought what a slot with this value did: only answers are left. */
  jumpedOver(value: Value): void {
    const decided = this.#decided(undefined, value);
    if (decided.kind !== "batch") return;
    for (const command of decided.commands) this.#options.requests.jumpedOver(command);
  }

  /** A snapshot took the state's place: whatever kept this replica from executing a slot may lie behind it. */
  installed(): void {
    this.#halt = undefined;
    this.#ahead = undefined;
    this.haltIfUnfit();
  }

  /**
   * A replica that differs from the others, or would from the next slot on, executes nothing more. It goes on running, to say so; its
   * files stay as they are.
   */
  haltIfUnfit(): void {
    this.#haltIfUnfit({ kind: "no-op" });
  }

  #remediesFor(slot: number): readonly Remedy[] {
    return this.#ahead?.slot === slot ? this.#ahead.remedies : noRemedies;
  }

  #haltIfUnfit(decided: SlotContent): boolean {
    if (this.#halt !== undefined) return true;
    const slot = this.#options.engine.appliedSlot + 1;
    const halt = this.#unfit(slot, decided, this.#remediesFor(slot));
    if (halt === undefined) return false;
    this.#halt = halt;
    if (this.#ahead?.slot !== slot) this.#ahead = new LookAhead(slot);
    this.#known = this.#ahead.remedies.length;
    this.#options.logger.error({ slot }, halt.reason);
    this.#options.onHalted(halt);
    return true;
  }

  #unfit(slot: number, decided: SlotContent, remedies: readonly Remedy[]): Halt | undefined {
    const { engine, marker } = this.#options;
    const { system, appliedSlot } = engine;
    const { divergence } = system.reports;
    if (divergence !== undefined) return divergedHalt(divergence, appliedSlot);
    const missed = system.missedIn(slot, decided);
    if (missed !== undefined) return missedHalt(missed.slot, slot);
    const foreign = system.foreignFor(decided);
    if (foreign !== undefined) return foreignHalt(foreign, slot);
    const lacking = system.lackingFor(decided, remedies);
    if (lacking !== undefined) return lackingHalt(lacking, slot);
    const ended = marker?.endedBy(slot, remedies.length, mayTry);
    if (ended !== undefined) return stuckHalt(ended);
    const held = marker?.heldAt(slot);
    return held !== undefined && remedies.length < held.remedies ? heldHalt(slot) : undefined;
  }

  #execute(slot: number, decided: SlotContent, remedies: readonly Remedy[]): readonly Answer[] {
    const { engine, marker, watch } = this.#options;
    if (decided.kind !== "batch") return engine.apply(slot, decided, remedies);
    this.#noting = marker?.begin(slot, remedies.length) ?? false;
    const answers = this.#applied(slot, decided, remedies);
    watch?.end();
    marker?.end();
    this.#noting = false;
    return answers;
  }

  /** A part of a slot that was not executed to its end stands in memory: the process ends without keeping it. */
  #applied(slot: number, decided: SlotContent, remedies: readonly Remedy[]): readonly Answer[] {
    try {
      return this.#options.engine.apply(slot, decided, remedies);
    } catch (error) {
      if (!(error instanceof Exhausted)) throw error;
      const { index, service, method } = error;
      this.#options.marker?.note({ command: { index, service, method }, cause: "exhausts stack or memory" });
      throw new ServiceFailure(ExitCode.slotNotExecuted, error.message, error);
    }
  }

  /** A slot after one that is not executed: of use only for what it says of that one. */
  #lookAhead(slot: number, decided: SlotContent): void {
    if (this.#ahead === undefined || decided.kind !== "batch") return;
    for (const { command, counts } of this.#ahead.see(slot, decided.commands))
      if (counts) this.#options.requests.executed(command, doneIn(slot, command));
    if (this.#halt === undefined || !endsByRemedy(this.#halt)) return;
    if (this.#ahead.remedies.length <= this.#known) return;
    this.#options.logger.info({ slot: this.#ahead.slot, decidedIn: slot }, "a remedy was decided; going on");
    this.#halt = undefined;
    this.#options.onResumed(this.#ahead.slot);
  }

  /** A batch that is no batch was decided all the same: it does nothing, on every replica alike. */
  #decided(slot: number | undefined, value: Value): SlotContent {
    try {
      return decodeSlot(value);
    } catch (error) {
      this.#options.logger.error(
        { slot, err: error },
        "a decided batch cannot be decoded; it counts as a no-op",
      );
      return { kind: "no-op" };
    }
  }
}

/** The answer to a remedy, once it is known to be decided and to count. */
function doneIn(slot: number, { clientId, sequence }: Command): Answer {
  return {
    ...{ clientId, sequence, status: Status.ok, message: "", response: noBytes, slot },
    ...{ repeated: false, outcome: "answered" },
  };
}
