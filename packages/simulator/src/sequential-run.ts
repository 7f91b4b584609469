import type { Command, Genesis, Value } from "@synod/core";
import { decodeSlot } from "@synod/node/parts";
import {
  type Answer,
  Engine,
  type Foundation,
  MemoryMap,
  openedSession,
  openSessionMethod,
  Status,
  systemService,
} from "@synod/state-machine";
import { configurationCodec } from "@synod/wire";
import { GroundModel } from "./ground-model.js";
import type { WorldOptions } from "./options.js";
import { PlainSessions } from "./plain-sessions.js";
import type { RemedyModel } from "./remedies/remedy-model.js";
import { ServiceModels } from "./service-models.js";
import { boundsOf, clusterId, isQuery, servicesBeside, sessionBounds } from "./services.js";
import { expectDeclared } from "./stock/undeclared.js";
import { Violation } from "./violation.js";

/** Slots from one count of what is stored to the next: a count goes through all of it. */
const slotsPerCount = 16;

/** A slot as it was decided, and what came of it. */
export interface SequentialSlot {
  readonly commands: readonly Command[];
  readonly answers: readonly Answer[];
  readonly hash: string;
  readonly logTimeMs: number;
  /** A span of time may have begun here. */
  readonly timed: boolean;
  /** The engine and runtime on which it is executed (rule 32). */
  readonly ground: Foundation | undefined;
}

/**
 * The decided log, executed once, in order, by one engine that never crashes, beside plain sessions and the models of the services,
 * which say what each command should come to (rule 16). What replicas have is compared with this.
 */
export class SequentialRun {
  readonly #state = new MemoryMap();
  readonly #engine: Engine;
  readonly #sessions: PlainSessions;
  readonly #models = new ServiceModels();
  readonly #ground: GroundModel;
  readonly #remedies: RemedyModel;
  readonly #slots: SequentialSlot[] = [];
  /** Slots have so little room that commands are put off. */
  readonly #narrow: boolean;
  #executed = 0;

  constructor(genesis: Genesis, options: WorldOptions, remedies: RemedyModel) {
    const { maxSessions, slotBytes } = options;
    this.#narrow = slotBytes > 0;
    this.#remedies = remedies;
    this.#engine = new Engine({
      state: this.#state,
      genesis,
      configurationCodec,
      clusterId,
      services: servicesBeside(options),
      onHandlerError: (failure) => expectDeclared(failure, "the decided log"),
      ...boundsOf(options),
    });
    this.#ground = new GroundModel(genesis.configuration.replicas.map(({ id }) => id));
    this.#sessions = new PlainSessions(clusterId, maxSessions, sessionBounds.maxWindow);
    this.#slots.push({
      commands: [],
      answers: [],
      hash: this.#engine.hash,
      logTimeMs: 0,
      timed: false,
      ground: undefined,
    });
  }

  /** Commands of clients executed. */
  get executed(): number {
    return this.#executed;
  }

  /** The engine and runtime on which commands are executed after what was decided. */
  get foundation(): Foundation | undefined {
    return this.#ground.inForce;
  }

  /** The version of the user's service; undefined before its first command. */
  get stockVersion(): number | undefined {
    return this.#models.stockVersion;
  }

  at(slot: number): SequentialSlot | undefined {
    return this.#slots[slot];
  }

  /** The last slot executed. */
  get slot(): number {
    return this.#slots.length - 1;
  }

  /** The next slot, executed with all remedies that were decided for it until now. */
  next(slot: number, value: Value): SequentialSlot {
    const decided = decodeSlot(value);
    const commands = decided.kind === "batch" ? decided.commands : [];
    const { reports } = this.#engine.system;
    this.#models.begin(commands, reports.latest);
    this.#ground.begin(commands);
    const ground = this.#ground.inForce;
    const answers = this.#engine.apply(slot, decided, this.#remedies.of(slot));
    let executedBefore = false;
    commands.forEach((command, index) => {
      const skipped = this.#remedies.skips(slot, index, commands.length);
      const what = `command ${index} of slot ${slot}`;
      const decidedAs = this.#remedies.statusAt(slot, index);
      if (decidedAs !== undefined)
        expectEqual(`the status of ${what}, a remedy,`, decidedAs, answers[index]?.status ?? 0);
      this.#judge(what, command, answers[index] as Answer, skipped, executedBefore);
      executedBefore ||= command.service !== systemService && answers[index]?.outcome === "answered";
    });
    this.#ground.end();
    if (decided.kind === "batch") this.#models.end(this.#engine);
    if (slot % slotsPerCount === 0)
      expectEqual("bytes that services are said to store", storedIn(this.#state), this.#engine.stateBytes);
    const { hash, logTimeMs, logTime } = this.#engine;
    const done = { commands, answers, hash, logTimeMs, timed: logTime.timedSlot === slot, ground };
    this.#slots.push(done);
    return done;
  }

  #judgeOpening(what: string, { response }: Answer): void {
    let session: string;
    try {
      session = openedSession(response);
    } catch (error) {
      throw new Violation(`the answer to ${what}: ${(error as Error).message}`);
    }
    if (!this.#sessions.open(session))
      throw new Violation(`${what} opened session ${session}: expected a name of this cluster that is new`);
  }

  /** A slot puts off what finds no room in it behind others; none that is executed alone is put off. */
  #judgeDeferred(what: string, { status, outcome }: Answer, executedBefore: boolean): void {
    if (!this.#narrow) throw new Violation(`${what} is put off in a slot with room`);
    if (!executedBefore) throw new Violation(`${what} is put off, though nothing is executed before it`);
    expectEqual(`the status of ${what}, put off,`, Status.resourceExhausted, status);
    expectEqual(`the outcome of ${what}, put off,`, "unknown", outcome);
  }

  #judge(what: string, command: Command, answer: Answer, skipped: boolean, executedBefore: boolean): void {
    if (command.service === systemService) {
      if (command.method === openSessionMethod) this.#judgeOpening(what, answer);
      const problem = this.#ground.decided(command, answer);
      if (problem !== undefined) throw new Violation(`${what}: ${problem}`);
      this.#models.decided(what, command, answer);
      return;
    }
    const verdict = this.#sessions.judge(command);
    if (verdict.kind === "refuse") {
      expectEqual(`the status of ${what}, to be refused,`, verdict.status, answer.status);
      return;
    }
    if (answer.deferred) {
      this.#judgeDeferred(what, answer, executedBefore);
      return;
    }
    expectEqual(`whether ${what} is a repeat`, verdict.kind === "repeat", answer.repeated);
    if (verdict.kind === "repeat") {
      const { given } = verdict;
      expectEqual(`the status of ${what}, a repeat,`, given.status, answer.status);
      expectEqual(`the slot of ${what}, a repeat,`, given.slot, answer.slot);
      if (Buffer.compare(given.response, answer.response) !== 0)
        throw new Violation(`${what} is a repeat, and is answered otherwise than before`);
    } else if (skipped) {
      expectEqual(`the status of ${what}, which is skipped,`, Status.internal, answer.status);
    } else {
      this.#executed++;
      const difference = this.#models.differenceIn(command, answer, this.#engine.logTimeMs);
      if (difference !== undefined) throw new Violation(`the answer to ${what}: ${difference}`);
    }
    const kept = !isQuery(command) || answer.status !== Status.ok;
    this.#sessions.used(command, kept ? answer : undefined);
  }
}

/** Bytes of the rows of services, and of the commands that wait for log time. */
function storedIn(state: MemoryMap): number {
  let bytes = 0;
  for (const [from, until] of ["dg", "tu"].map((ends) => [...ends].map((end) => Buffer.from(end))))
    for (const [key, value] of state.range({ from: from as Buffer, until }))
      bytes += key.length + value.length;
  return bytes;
}

function expectEqual<T extends string | number | boolean>(what: string, expected: T, found: T): void {
  if (expected !== found) throw new Violation(`${what}: expected ${expected}, found ${found}`);
}
