import type { Command, Replica, ReplicaInput, RulingConfiguration } from "@synod/core";
import type { Answer } from "@synod/state-machine";
import type { LogPage, LogRequest } from "@synod/wire";
import { catchUpCheckMs } from "./catch-up/catch-up.js";
import { logPageOf } from "./catch-up/log-page.js";
import { trimCheckMs } from "./catch-up/trimmer.js";
import { endsByRemedy, type Halt } from "./halt.js";
import { advanceCheckMs } from "./log-time/log-time-mover.js";
import { ReplicaParts } from "./replica-parts.js";
import type { ReplicaProcessOptions } from "./replica-process-options.js";
import { type ReplicaStatus, replicaStateOf } from "./replica-view.js";
import { reportCheckMs } from "./reporter.js";
import { haltedAnswer } from "./requests/unanswered.js";

/**
 * All that a replica is besides its server and its connections: the role and its driver, the services' state, clients'
 * requests, log time, reports, and states given to and taken from others. Time, chance, disks and ways come from outside.
 */
export class ReplicaProcess {
  readonly #options: ReplicaProcessOptions;
  readonly #parts: ReplicaParts;
  readonly #cancelTimers: (() => void)[] = [];
  #stopping = false;

  constructor(options: ReplicaProcessOptions) {
    this.#options = options;
    this.#parts = new ReplicaParts(options, {
      halted: (halt) => this.#halted(halt),
      resumed: (slot) => this.#resumed(slot),
      replaced: () => this.#replaced(),
      withdrawn: (commands, proposed) => this.#withdrawn(commands, proposed),
      stopping: () => this.#stopping,
    });
    this.#parts.performer.haltIfUnfit();
  }

  get engine(): ReplicaParts["engine"] {
    return this.#parts.engine;
  }

  get commands(): ReplicaParts["commands"] {
    return this.#parts.commands;
  }

  get requests(): ReplicaParts["requests"] {
    return this.#parts.requests;
  }

  get openings(): ReplicaParts["openings"] {
    return this.#parts.openings;
  }

  get reads(): ReplicaParts["reads"] {
    return this.#parts.reads;
  }

  get performer(): ReplicaParts["performer"] {
    return this.#parts.performer;
  }

  get remedies(): ReplicaParts["remedies"] {
    return this.#parts.remedies;
  }

  get sender(): ReplicaParts["sender"] {
    return this.#parts.sender;
  }

  /** The reasons for which it answers nothing, or is not one to rely on. */
  get condition(): ReplicaParts["condition"] {
    return this.#parts.condition;
  }

  /** Holds back callers while the disk does not take what is applied. */
  get pace(): ReplicaParts["pace"] {
    return this.#parts.pace;
  }

  get slotOut(): number {
    return this.#parts.role.slotOut;
  }

  get configurations(): readonly RulingConfiguration[] {
    return this.#parts.role.configurations;
  }

  /** The status of the role. */
  status(): ReturnType<Replica["status"]> {
    return this.#parts.role.status();
  }

  /** The replica's part of its status. */
  get state(): ReplicaStatus {
    const { engine, performer } = this;
    const { warnings } = this.condition;
    const { durableSlot } = this.#options.store;
    const { progress: catchingUp } = this.#parts.catchUp;
    return replicaStateOf({ engine, performer, warnings, durableSlot, catchingUp, role: this.status() });
  }

  /** A part of the decided log. Throws CallError where another cluster is meant, or whoever asks as a member is none. */
  log(request: LogRequest): LogPage {
    const { clusterId, id: replica, store } = this.#options;
    const { versions, reports } = this.engine.system;
    const page = logPageOf({ replica, clusterId, log: store.log, lastSwitch: versions.lastSwitch }, request);
    const { from, reader } = request;
    if (reader === undefined) return page;
    this.sender.readers.require(reader.member);
    const given = page.decisions[0]?.slot === Math.max(1, from) || from > store.log.last;
    if (given) this.sender.gaveLog(reader, reader.durableSlot >= reports.trimPoint);
    return page;
  }

  /** Something comes in. False when so much waits that the caller should stop reading until `whenRoom` calls back. */
  post(input: ReplicaInput): boolean {
    return this.#parts.post(input);
  }

  whenRoom(callback: () => void): void {
    this.#parts.whenRoom(callback);
  }

  /**
   * Takes part, once it may go on from what it has (rule 32).
   * @param takesPart called when it does: leaders may be connected from then on
   */
  async start(takesPart: () => void): Promise<void> {
    this.#parts.driver.start();
    if (!this.#mayTakePart) return;
    // It may take long to begin, and what it learns meanwhile has the same bound.
    this.#every(trimCheckMs, () => this.#parts.trimmer.tick());
    await this.#parts.catchUp.begin();
    if (this.#stopping || !this.#mayTakePart) return;
    takesPart();
    if (this.performer.halted === undefined) this.requests.start();
    this.#every(advanceCheckMs, () => {
      this.#parts.timeMover.tick(this.condition.obstacle !== "");
      this.#parts.proposer.clockMoved();
    });
    this.#every(reportCheckMs, () => {
      if (this.condition.obstacle === "") this.#parts.reporter.tick();
    });
    // One that waits before a slot looks ahead, and may need another's log or state for it as well.
    this.#every(catchUpCheckMs, () => this.#parts.catchUp.tick(), endsByRemedy);
  }

  get #mayTakePart(): boolean {
    const { halted } = this.performer;
    return halted === undefined || endsByRemedy(halted);
  }

  /** @param goesOn true for a halt that does not end the work; by default each does */
  #every(ms: number, work: () => void, goesOn: (halt: Halt) => boolean = () => false): void {
    const cancel = this.#options.scheduler.every(ms, () => {
      const { halted } = this.performer;
      if (!this.#stopping && (halted === undefined || goesOn(halted))) work();
    });
    this.#cancelTimers.push(cancel);
  }

  /** Takes nothing more, and answers whoever waits. `stop` ends the rest. */
  close(reason: string): void {
    this.#stopping = true;
    for (const cancel of this.#cancelTimers) cancel();
    this.requests.close(reason);
    this.reads.close();
  }

  /** Resolves when nothing is under way that needs the store. */
  async stop(): Promise<void> {
    this.#parts.catchUp.close();
    this.sender.close();
    await this.#parts.driver.stop();
  }

  /** A read of this replica's own state. */
  read(service: string, method: string, request: Uint8Array): Answer {
    const { stopped } = this.condition;
    if (stopped !== undefined) return haltedAnswer(stopped);
    const { watch } = this.#options;
    watch?.begin(0, 0, service, method);
    try {
      return this.engine.query(service, method, request);
    } finally {
      watch?.end();
    }
  }

  /** A snapshot took the place of the state (rule 19). */
  #replaced(): void {
    this.engine.reload();
    this.sender.forsakeAll();
    const { appliedSlot, configurations } = this.engine;
    const slotOut = appliedSlot + 1;
    this.#parts.timeMover.applied(appliedSlot, undefined, false);
    this.requests.jumped();
    this.#parts.driver.post({ kind: "installed", slotOut, configurations });
    // One that looked ahead (rule 33) was given slots behind this state, and executed none: they have to come again.
    if (this.slotOut > slotOut) this.#parts.driver.post({ kind: "rewound", slotOut });
    const halted = this.performer.halted !== undefined;
    this.performer.installed();
    if (halted && this.performer.halted === undefined) this.requests.resume();
    this.#options.observer?.replaced?.();
  }

  #withdrawn(commands: readonly Command[], proposed: boolean): void {
    if (proposed) this.#options.observer?.withdrew?.();
    this.#parts.proposer.takeBack(commands);
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
      this.#parts.catchUp.close();
    }
    this.#options.onHalted(halt);
  }

  #resumed(slot: number): void {
    this.requests.resume();
    this.#parts.driver.post({ kind: "rewound", slotOut: slot });
  }
}
