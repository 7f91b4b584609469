import type { Reply, SynodError } from "@synod/client";
import { describeValue, type Genesis, sameValue, type Value } from "@synod/core";
import { decodeSlot } from "@synod/node/parts";
import {
  type Answer,
  type Engine,
  type Foundation,
  type SlotContent,
  Status,
  timeLimits,
} from "@synod/state-machine";
import type { Operation } from "./operation.js";
import type { WorldOptions } from "./options.js";
import { isGroundFor } from "./releases.js";
import { RemedyModel } from "./remedies/remedy-model.js";
import { SequentialRun, type SequentialSlot } from "./sequential-run.js";
import { serviceNames } from "./services.js";
import { Violation } from "./violation.js";

/** Watches what replicas execute and what clients are told, beside a run of the decided log of its own (rules 16, 17). */
export class LogChecker {
  readonly remedies = new RemedyModel();
  readonly #run: SequentialRun;
  /** A slot is executed here when the first replica has: only then nobody decides any more what it is executed with (rule 33). */
  readonly #waits: boolean;
  /** Slots that are chosen and not executed here, in their order, and when they were chosen. */
  readonly #waiting: { readonly slot: number; readonly value: Value; readonly atMs: number }[] = [];
  readonly #chosen: (slot: number) => Value | undefined;
  readonly #nowMs: () => number;
  /** The rate of the fastest clock: milliseconds that it counts in one of time. */
  readonly #fastest: number;
  /** The least that log time was ahead of time by in any slot in which a span could begin. */
  #leastAheadMs = Number.POSITIVE_INFINITY;
  /** The milliseconds by which log time is ahead of time, as of the last slot that says one. */
  leadMs = 0;
  /** Keys (`uniqueKey`) of calls executed, and of calls whose clients were told that they never will be. */
  readonly #executions = new Set<string>();
  readonly #never = new Set<string>();

  constructor(
    genesis: Genesis,
    options: WorldOptions,
    chosen: (slot: number) => Value | undefined,
    nowMs: () => number,
  ) {
    this.#run = new SequentialRun(genesis, options, this.remedies);
    this.#waits = options.remedies;
    this.#chosen = chosen;
    this.#nowMs = nowMs;
    this.#fastest = 1 + options.drift;
  }

  /** The content of a slot that was chosen together with every slot below it. */
  decidedIn(slot: number): SlotContent {
    return decodeSlot(this.#chosen(slot) as Value);
  }

  /** Commands of clients executed. */
  get executed(): number {
    return this.#run.executed;
  }

  /** The engine and runtime on which commands are executed after what was decided (rule 32). */
  get foundation(): Foundation | undefined {
    return this.#run.foundation;
  }

  /** The version of the user's service that is in force after what was decided; undefined before its first command. */
  get stockVersion(): number | undefined {
    return this.#run.stockVersion;
  }

  hashAt(slot: number): string | undefined {
    return this.#run.at(slot)?.hash;
  }

  /** The number of commands in the batch of a slot that is chosen. */
  batchLength(slot: number): number {
    const decided = this.decidedIn(slot);
    return decided.kind === "batch" ? decided.commands.length : 0;
  }

  /** The next slot, in order, is chosen. */
  next(slot: number, value: Value): void {
    if (this.#waits) {
      const decided = decodeSlot(value);
      if (decided.kind === "batch") this.remedies.chosen(slot, decided.commands, this.#run.slot);
    }
    this.#waiting.push({ slot, value, atMs: this.#nowMs() });
    if (!this.#waits) this.#executeThrough(slot);
  }

  #executeThrough(last: number): void {
    for (let next = this.#waiting[0]; next !== undefined && next.slot <= last; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#execute(next.slot, next.value, next.atMs);
    }
  }

  #execute(slot: number, value: Value, atMs: number): void {
    const before = this.#run.at(slot - 1)?.logTimeMs ?? 0;
    const done = this.#run.next(slot, value);
    const { logTimeMs } = done;
    this.#note(done, slot);
    if (logTimeMs < before)
      throw new Violation(`log time went back from ${before} to ${logTimeMs} in slot ${slot}`);
    if (logTimeMs > 0) this.#time(slot, done, atMs);
  }

  /** Rule 16: from any slot on in which a span begins, log time runs ahead of time by one step at most: nothing ends early. */
  #time(slot: number, { logTimeMs, timed }: SequentialSlot, atMs: number): void {
    this.leadMs = logTimeMs - atMs;
    const aheadMs = logTimeMs - atMs * this.#fastest;
    const most = this.#leastAheadMs + timeLimits.maxStepMs + 1;
    if (aheadMs > most)
      throw new Violation(
        `in slot ${slot} log time has gained ${Math.round(aheadMs - this.#leastAheadMs)} ms on time since an earlier slot; expected at most ${timeLimits.maxStepMs}`,
      );
    if (timed) this.#leastAheadMs = Math.min(this.#leastAheadMs, aheadMs);
  }

  /** A replica applied a slot. */
  applied(replica: string, slot: number, value: Value, engine: Engine, answers: readonly Answer[]): void {
    const chosen = this.#chosen(slot);
    if (!chosen || !sameValue(chosen, value))
      throw new Violation(
        `${replica} applied ${describeValue(value)} in slot ${slot}; chosen is ${chosen ? describeValue(chosen) : "nothing"}`,
      );
    if (engine.appliedSlot !== slot)
      throw new Violation(`${replica} applied slot ${slot} and stands at slot ${engine.appliedSlot}`);
    this.#executeThrough(slot);
    const expected = this.#run.at(slot);
    this.#standing(replica, slot, engine, expected?.ground);
    if (expected?.answers.length !== answers.length)
      throw new Violation(`${replica} answered ${answers.length} commands of slot ${slot}`);
    this.#compare(`${replica} after slot ${slot}`, slot, engine);
  }

  /** Rule 32: who executes a slot runs on what is in force there. */
  #standing(replica: string, slot: number, { system }: Engine, inForce: Foundation | undefined): void {
    if (inForce === undefined || isGroundFor(system.ground, inForce)) return;
    throw new Violation(
      `${replica} executed slot ${slot} on ${JSON.stringify(system.ground)}; in force is ${JSON.stringify(inForce)}`,
    );
  }

  /** Rule 19: what a snapshot brought is the state of its slot. */
  installed(replica: string, engine: Engine): void {
    this.#compare(`the snapshot that ${replica} took in`, engine.appliedSlot, engine);
  }

  #compare(what: string, slot: number, engine: Engine): void {
    const expected = this.#run.at(slot);
    if (engine.hash !== expected?.hash)
      throw new Violation(`${what} has hash ${engine.hash}; expected ${expected?.hash}`);
    if (engine.system.reports.divergence)
      throw new Violation(
        `${what} takes itself to differ: ${JSON.stringify(engine.system.reports.divergence)}`,
      );
    if (engine.unjudged)
      throw new Violation(`${what} knows of replicas that differ: ${JSON.stringify(engine.unjudged)}`);
  }

  /** A client was told that its call succeeded: the log says so, with this answer. */
  answered(client: string, operation: Operation, { response, slot }: Reply): void {
    const { commands = [], answers = [] } = this.#run.at(slot) ?? {};
    const found = commands.some(
      (command, index) =>
        sameOperation(command, operation) &&
        answers[index]?.status === Status.ok &&
        Buffer.compare(answers[index].response, response) === 0,
    );
    if (!found)
      throw new Violation(
        `${client} was told that ${operation.method} succeeded in slot ${slot}, which has no such answer`,
      );
  }

  /** A call ended with an error: what it says of the outcome is true, now and later. */
  failed(client: string, operation: Operation, { outcome, code, slot }: SynodError): void {
    if (outcome === "answered") {
      const { commands = [], answers = [] } = this.#run.at(slot) ?? {};
      const found = commands.some(
        (command, index) => sameOperation(command, operation) && answers[index]?.status === code,
      );
      if (!found)
        throw new Violation(
          `${client} was told that ${operation.method} has status ${code} in slot ${slot}, which has no such answer`,
        );
    }
    if (outcome === "unknown" && this.#answers(operation, slot))
      throw new Violation(
        `${client} was told that nobody knows what became of ${operation.method} in slot ${slot}, which answers it`,
      );
    if (outcome === "unknown" && this.#putOff(operation, slot))
      throw new Violation(
        `${client} was told that slot ${slot} has no room for ${operation.method}, instead of its answer from a later one`,
      );
    const key = uniqueKey(operation);
    if (outcome !== "not executed" || key === undefined) return;
    this.#never.add(key);
    if (this.#executions.has(key))
      throw new Violation(`${client} was told that ${operation.method} was not executed, and it was`);
  }

  /** The slot executed this call, and so has its answer. Others may call the same there: then all of them have theirs. */
  #answers(operation: Operation, slot: number): boolean {
    const { commands = [], answers = [] } = this.#run.at(slot) ?? {};
    const found = answers.filter((_, index) => sameOperation(commands[index] as Operation, operation));
    return found.length > 0 && found.every((answer) => answer?.outcome === "answered");
  }

  #putOff(operation: Operation, slot: number): boolean {
    const { commands = [], answers = [] } = this.#run.at(slot) ?? {};
    return answers.some(
      (answer, index) => answer.deferred === true && sameOperation(commands[index] as Operation, operation),
    );
  }

  /** Every call is executed once at most, under whichever session, and never once its client was told that it is not. */
  #note({ commands, answers }: SequentialSlot, slot: number): void {
    commands.forEach((command, index) => {
      const answer = answers[index];
      const key = uniqueKey(command);
      if (key === undefined || answer?.outcome !== "answered" || answer.repeated) return;
      if (this.#executions.has(key)) throw new Violation(`slot ${slot} executes a call a second time`);
      if (this.#never.has(key))
        throw new Violation(`slot ${slot} executes a call whose client was told that it was not executed`);
      this.#executions.add(key);
    });
  }
}

function sameOperation(a: Operation, b: Operation): boolean {
  return a.service === b.service && a.method === b.method && Buffer.compare(a.request, b.request) === 0;
}

/** The key of a call whose bytes no other call has; undefined for a call that others may equal. */
function uniqueKey({ service, method, request }: Operation): string | undefined {
  if (service !== serviceNames.kv || method !== "Append") return undefined;
  return Buffer.from(request).toString("latin1");
}
