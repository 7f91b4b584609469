import { describeValue, type Genesis, sameValue, type Value } from "@synod/core";
import { type Answer, type Engine, timeLimits } from "@synod/state-machine";
import type { WorldOptions } from "./options.js";
import { SequentialRun } from "./sequential-run.js";
import { Violation } from "./violation.js";

/** Watches what replicas execute and what clients are told, beside a run of the decided log of its own (rules 16, 17). */
export class LogChecker {
  readonly #run: SequentialRun;
  readonly #chosen: (slot: number) => Value | undefined;
  readonly #nowMs: () => number;
  /** How much faster than time a clock may run. */
  readonly #fastest: number;
  /** The least that log time was ahead of time by in any slot in which a span could begin. */
  #leastAheadMs = Number.POSITIVE_INFINITY;
  /** How much log time is ahead of time, as of the last slot that says one. */
  leadMs = 0;
  readonly #told = new Set<string>();

  constructor(
    genesis: Genesis,
    options: WorldOptions,
    chosen: (slot: number) => Value | undefined,
    nowMs: () => number,
  ) {
    this.#run = new SequentialRun(genesis, options);
    this.#chosen = chosen;
    this.#nowMs = nowMs;
    this.#fastest = 1 + options.drift;
  }

  /** Commands of clients executed. */
  get executed(): number {
    return this.#run.executed;
  }

  hashAt(slot: number): string | undefined {
    return this.#run.at(slot)?.hash;
  }

  /** The next slot, in order, is chosen. */
  next(slot: number, value: Value): void {
    const before = this.#run.at(slot - 1)?.logTimeMs ?? 0;
    const { logTimeMs, timed } = this.#run.next(slot, value);
    if (logTimeMs < before)
      throw new Violation(`log time went back from ${before} to ${logTimeMs} in slot ${slot}`);
    if (logTimeMs > 0) this.#time(slot, logTimeMs, timed);
  }

  /** Rule 16: from any slot on in which a span begins, log time runs ahead of time by one step at most: nothing ends early. */
  #time(slot: number, logTimeMs: number, timed: boolean): void {
    this.leadMs = logTimeMs - this.#nowMs();
    const aheadMs = logTimeMs - this.#nowMs() * this.#fastest;
    const most = this.#leastAheadMs + timeLimits.maxStepMs + 1;
    if (aheadMs > most)
      throw new Violation(
        `in slot ${slot} log time is ${Math.round(aheadMs - this.#leastAheadMs)} ms further than time since an earlier slot; expected at most ${timeLimits.maxStepMs}`,
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
    const expected = this.#run.at(slot);
    if (expected?.answers.length !== answers.length)
      throw new Violation(`${replica} answered ${answers.length} commands of slot ${slot}`);
    this.#compare(`${replica} after slot ${slot}`, slot, engine);
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

  /** A client was told the answer to a command it waited for: once, and what the log says of it. */
  told(
    client: string,
    clientId: string,
    sequence: number,
    answer: Pick<Answer, "status" | "response" | "slot">,
  ): void {
    const name = `${clientId}#${sequence}`;
    const { commands = [], answers = [] } = this.#run.at(answer.slot) ?? {};
    const found = commands.some(
      (command, index) =>
        command.clientId === clientId &&
        command.sequence === sequence &&
        answers[index]?.status === answer.status &&
        Buffer.compare(answers[index].response, answer.response) === 0,
    );
    if (!found)
      throw new Violation(
        `${client} was told that ${name} has status ${answer.status} in slot ${answer.slot}, which has no such answer`,
      );
    if (this.#told.has(name)) throw new Violation(`${client} was told the answer to ${name} twice`);
    this.#told.add(name);
  }
}
