import type { Command } from "@synod/core";
import { Status } from "../definition/status.js";
import type { StoredAnswer } from "../sessions/session-record.js";
import { type Remedy, skips } from "../system/remedies.js";
import { systemCommandOf } from "../system/system-command.js";
import { type Answer, answered } from "./answer.js";
import { decodeScheduled, idKey } from "./due.js";
import { failed, type Outcome } from "./execution.js";
import type { SlotLimits } from "./limits.js";
import type { ReplicatedState } from "./replicated-state.js";
import { SlotBudget } from "./slot-budget.js";

/** Runs a command in the state as it stands, and writes nothing. */
export type RunCommand = (command: Command, at: { readonly slot: number; readonly index: number }) => Outcome;

export interface SlotExecutionOptions {
  readonly slot: number;
  readonly remedies: readonly Remedy[];
  /** The number of commands in the slot's batch. */
  readonly batchLength: number;
  readonly run: RunCommand;
  readonly limits: SlotLimits;
}

/** Executes the commands of one slot, and those that are due in it. */
export class SlotExecution {
  readonly #state: ReplicatedState;
  readonly #options: SlotExecutionOptions;
  readonly #budget: SlotBudget;

  constructor(state: ReplicatedState, options: SlotExecutionOptions) {
    this.#state = state;
    this.#options = options;
    this.#budget = new SlotBudget(options.limits, options.limits.maxBytes);
  }

  /**
   * PMMC 2.1's perform(κ, cid, op), and the answer that it sends. Its transitions: a command that was decided in an earlier
   * slot too is not executed again, and gets the answer of then; any other is: (next, result) := op(state); state := next.
   */
  perform(command: Command, index: number): Answer {
    const answer = this.#answer(command, index);
    this.#state.effects.answer(answer);
    return answer;
  }

  #answer(command: Command, index: number): Answer {
    const { slot } = this.#options;
    const { sessions, system, effects } = this.#state;
    const at = { slot, index };
    const asked = systemCommandOf(command);
    if (asked !== undefined) return answered(command, { ...system.execute(asked, at), slot }, "answered");
    const verdict = sessions.judge(command);
    if (verdict.kind === "refuse") {
      const refusal = { ...failed(verdict.status, verdict.message), slot };
      return answered(command, refusal, verdict.lasting ? "not-executed" : "unknown");
    }
    if (this.#budget.full) return { ...answered(command, noRoom(slot), "unknown"), deferred: true };
    if (verdict.kind === "repeat") {
      sessions.use(command, at);
      this.#budget.spend(verdict.answer);
      return answered(command, verdict.answer, "answered", true);
    }
    const outcome = this.#skips(index) ? skipped(slot, index) : this.#execute(command, index);
    const took = this.#budget.spend(outcome);
    const answer = answerIn(slot, outcome);
    if (outcome.query) {
      sessions.use(command, at);
      effects.query();
    } else sessions.store(command, answer, at);
    return { ...answered(command, answer, "answered"), took };
  }

  /** (next, result) := op(state); state := next. */
  #execute(command: Command, index: number): Outcome {
    const { progress, stored, system, effects, schedule } = this.#state;
    progress.revision++;
    const outcome = this.#options.run(command, { slot: this.#options.slot, index });
    const admitted = stored.admit(outcome, system.quotaBytes);
    for (const write of admitted.writes) effects.write(write);
    schedule.length += admitted.scheduled;
    return admitted;
  }

  /**
   * Runs what log time has reached, after the batch: what the batch renewed does not expire (rule 16). What these commands
   * schedule themselves runs in a later slot, as does what finds no room in this one. Returns false when nothing was due.
   */
  runDue(): boolean {
    const { remedies, batchLength, limits } = this.#options;
    const { schedule, progress } = this.#state;
    // Due commands are no part of a batch that is skipped: they run in the next slot.
    if (remedies.some(({ skip }) => skip === "batch")) return false;
    const keys = schedule.due(progress.time);
    if (keys.length === 0) return false;
    const budget = new SlotBudget(limits, limits.maxDueBytes);
    for (const [index, key] of keys.entries()) {
      if (budget.full) break;
      this.#runScheduled(key, batchLength + index, budget);
    }
    schedule.refresh();
    return true;
  }

  #runScheduled(key: Uint8Array, index: number, budget: SlotBudget): void {
    const { map, effects, schedule, progress, stored } = this.#state;
    const scheduled = map.get(key);
    // One that ran before it in this slot may have unscheduled it.
    if (scheduled === undefined) return;
    const { service, method, id, request } = decodeScheduled(scheduled);
    effects.due();
    for (const each of id === "" ? [key] : [key, idKey(service, id)]) {
      const write = { key: each, value: undefined };
      stored.count(write);
      effects.write(write);
    }
    schedule.length--;
    if (this.#skips(index)) {
      progress.revision++;
      effects.answer(skipped(this.#options.slot, index));
      return;
    }
    const command = { clientId: "", sequence: 0, acknowledged: 0, service, method, request };
    const outcome = this.#execute(command, index);
    budget.spend(outcome);
    effects.answer(outcome);
  }

  #skips(index: number): boolean {
    const { remedies, batchLength } = this.#options;
    return remedies.length > 0 && skips(remedies, index, batchLength);
  }
}

function answerIn(slot: number, { status, message, response, details }: Outcome): StoredAnswer {
  const answer = { status, message, response, slot };
  return details === undefined ? answer : { ...answer, details };
}

function noRoom(slot: number): StoredAnswer {
  const message = `slot ${slot} had no room left for it, after what the commands before it wrote, read and answered; send it again`;
  return answerIn(slot, failed(Status.resourceExhausted, message));
}

/** The same on every replica: it is kept as the command's answer. */
function skipped(slot: number, index: number): Outcome {
  return failed(
    Status.internal,
    `not executed: whoever operates the cluster had command ${index} of slot ${slot} skipped, which no replica could execute`,
  );
}
