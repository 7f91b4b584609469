import {
  type AcceptorRecord,
  type Command,
  InvariantViolation,
  type Message,
  type Output,
  type Peer,
  Queue,
  type Refusal,
  type Tick,
  type Value,
} from "@synod/core";
import { StoreError } from "@synod/storage";
import { type Scheduler, serviceLoop } from "@synod/wire";
import { AwaitedDisk } from "./awaited-disk.js";
import { ExitCode } from "./process/exit-code.js";
import { exitCodeOf } from "./process/failure.js";

/** A role of the core as the driver sees it: synchronous, and silent about time and disks. */
export interface SteppedRole<Input> {
  step(input: Input): Output[];
}

/** The destination of `persist` outputs. Leaders and replicas have none. */
export interface Journal {
  /** Takes a record; the role's own reads see it at once. */
  write(record: AcceptorRecord): void;
  /** Resolves when everything written before the call is on disk; rejects when it may not be. */
  commit(): Promise<void>;
}

export interface DriverLogger {
  debug(fields: object, text: string): void;
  error(fields: object, text: string): void;
}

export interface DriverOptions<Input> {
  readonly role: SteppedRole<Input | Tick>;
  readonly tickMs: number;
  readonly logger: DriverLogger;
  /** Default: the event loop of this process. */
  readonly scheduler?: Scheduler | undefined;
  readonly journal?: Journal | undefined;
  /** Hands a message to the transport, which may lose it. Must not throw. */
  send(to: Peer, message: Message): void;
  apply?(slot: number, value: Value): void;
  jumpedOver?(value: Value): void;
  refuse?(command: Command, reason: Refusal): void;
  withdrawn?(commands: readonly Command[], proposed: boolean): void;
  /** Asked once at the start of every turn: one input made of everything that gathered since the last. */
  gather?(): Input | undefined;
  /** Asked before each step: false while the role's effects cannot be taken. Nothing is stepped until it may. */
  mayStep?(): boolean;
  /** The process must end with this exit code; the driver has stopped and sends nothing more. */
  onFatal(code: number, error: unknown): void;
  /** Most inputs and milliseconds of one turn. */
  readonly maxTurnInputs?: number;
  readonly maxTurnMs?: number;
  /**
   * Inputs, and bytes of them as `bytesOf` counts, that may wait before `post` asks its caller to pause. The bytes of what
   * waits for the disk count as well.
   */
  readonly maxWaiting?: number;
  readonly maxWaitingBytes?: number;
  bytesOf?(input: Input | Tick): number;
  /** False of inputs that go on being read while others wait for the disk (rule 11). */
  waitsForDisk?(input: Input): boolean;
}

/** A tick that comes later than this many ticks after the last one is worth a word in the log. */
const stallTicks = 5;

/** Until it is asked again whether the role may be stepped, in milliseconds. */
const waitToStepMs = 20;

/**
 * Hosts one role: inputs queue up, one `step` each, and what a role asks for is carried out in order (the duties stand
 * on `Output`). All inputs of an event-loop turn are stepped together and their records share one commit; messages
 * that rest on records leave when these are on disk (rule 3). It makes no decision of the protocol.
 */
export class Driver<Input> {
  readonly #options: DriverOptions<Input>;
  readonly #scheduler: Scheduler;
  readonly #maxTurnInputs: number;
  readonly #maxTurnMs: number;
  readonly #maxWaiting: number;
  readonly #maxWaitingBytes: number;
  readonly #bytesOf: (input: Input | Tick) => number;
  readonly #waiting = new Queue<Input | Tick>();
  #waitingBytes = 0;
  #scheduled = false;
  #paused = false;
  #stopped = false;
  #stopTicks: (() => void) | undefined;
  #lastTickAt = 0;
  #onRoom: (() => void)[] = [];
  readonly #disk: AwaitedDisk;
  /** Records handed to a commit, in all. */
  #committing = 0;
  /** Commits under way, oldest first: they may end in any order, but count in this one. */
  readonly #commits: { readonly through: number; done: boolean }[] = [];
  /** Callers of `stop` that wait for the last commit. */
  readonly #idle: (() => void)[] = [];

  constructor(options: DriverOptions<Input>) {
    this.#options = options;
    this.#scheduler = options.scheduler ?? serviceLoop;
    this.#maxTurnInputs = options.maxTurnInputs ?? 1000;
    this.#maxTurnMs = options.maxTurnMs ?? 5;
    this.#maxWaiting = options.maxWaiting ?? 10_000;
    this.#maxWaitingBytes = options.maxWaitingBytes ?? 64 << 20;
    this.#disk = new AwaitedDisk(this.#maxWaiting);
    this.#bytesOf = options.bytesOf?.bind(options) ?? (() => 0);
  }

  /** Starts the ticks. Inputs posted before are stepped all the same. */
  start(): void {
    if (this.#stopped || this.#stopTicks) return;
    this.#lastTickAt = this.#scheduler.nowMs();
    this.#stopTicks = this.#scheduler.every(this.#options.tickMs, () => this.#tick());
  }

  /** Nothing is stepped or sent any more. Resolves when no commit is under way. */
  async stop(): Promise<void> {
    this.#halt();
    while (this.#commits.length > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Steps nothing until `resume`; inputs queue up, but for ticks. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.wake();
  }

  /**
   * Queues an input. False when so many wait that the caller should stop reading until `whenRoom` calls; the input is
   * taken all the same.
   */
  post(input: Input): boolean {
    if (this.#stopped) return true;
    this.#waiting.push(input);
    this.#waitingBytes += this.#bytesOf(input);
    this.wake();
    return this.#hasRoom(1, this.#options.waitsForDisk?.(input) ?? true);
  }

  /** False when an input that is taken now should have been kept back. */
  get hasRoom(): boolean {
    return this.#hasRoom(1);
  }

  /** Has a turn run soon, so that `gather` is asked. */
  wake(): void {
    if (this.#scheduled || this.#stopped || this.#paused) return;
    this.#scheduled = true;
    this.#scheduler.soon(() => this.#turn());
  }

  /** Calls back once, when less than half of what may wait is left. */
  whenRoom(callback: () => void): void {
    this.#onRoom.push(callback);
    this.wake();
  }

  #tick(): void {
    const now = this.#scheduler.nowMs();
    const sinceLastMs = now - this.#lastTickAt;
    this.#lastTickAt = now;
    if (this.#paused) return;
    // However late the timer fires, the role sees one tick: its own stall is not another's silence (rule 11).
    if (sinceLastMs > stallTicks * this.#options.tickMs) {
      this.#options.logger.debug(
        { stalledMs: Math.round(sinceLastMs) },
        "the process stalled; counted as one tick",
      );
    }
    this.#waiting.push({ kind: "tick" });
    this.wake();
  }

  #turn(): void {
    this.#scheduled = false;
    if (this.#stopped || this.#paused) return;
    if (!this.#mayStep) {
      this.#scheduled = true;
      this.#scheduler.after(waitToStepMs, () => this.#turn());
      return;
    }
    try {
      this.#stepAll();
    } catch (error) {
      this.#fatal(exitCodeOf(error), error);
      return;
    }
    this.#commit();
    this.#makeRoom();
    if (this.#waiting.length > 0) this.wake();
  }

  #stepAll(): void {
    const gathered = this.#options.gather?.();
    if (gathered !== undefined) this.#step(gathered);
    const startedAt = this.#scheduler.nowMs();
    for (let stepped = 0; stepped < this.#maxTurnInputs; stepped++) {
      const input = this.#waiting.shift();
      if (input === undefined) return;
      this.#waitingBytes -= this.#bytesOf(input);
      this.#step(input);
      if (this.#stopped) return;
      // After each: a decided slot of a thousand commands takes a replica more than a turn's time.
      if (this.#scheduler.nowMs() - startedAt > this.#maxTurnMs || !this.#mayStep) break;
    }
  }

  get #mayStep(): boolean {
    return this.#options.mayStep?.() ?? true;
  }

  #step(input: Input | Tick): void {
    for (const output of this.#options.role.step(input)) this.#carryOut(output);
  }

  #carryOut(output: Output): void {
    switch (output.kind) {
      case "persist":
        if (!this.#options.journal) throw new Error("a role without a store asked to persist a record");
        this.#write(this.#options.journal, output.record);
        return;
      case "send":
        this.#options.send(output.to, output.message);
        return;
      case "send-durable":
        // Refusals have nothing of their own to write and wait all the same: they tell of earlier promises (rule 3).
        if (this.#disk.nothing) this.#options.send(output.to, output.message);
        else this.#disk.hold(output.to, output.message);
        return;
      case "apply":
        this.#options.apply?.(output.slot, output.value);
        return;
      case "jumped-over":
        this.#options.jumpedOver?.(output.value);
        return;
      case "refuse":
        this.#options.refuse?.(output.command, output.reason);
        return;
      case "withdrawn":
        this.#options.withdrawn?.(output.commands, output.proposed);
        return;
    }
  }

  #write(journal: Journal, record: AcceptorRecord): void {
    this.#disk.wrote(record);
    try {
      journal.write(record);
    } catch (error) {
      this.#fatal(
        error instanceof InvariantViolation ? ExitCode.invariantViolated : ExitCode.writeFailed,
        error,
      );
    }
  }

  /** One commit for everything this turn wrote. Earlier ones may still be under way. */
  #commit(): void {
    const { journal } = this.#options;
    const { written } = this.#disk;
    if (!journal || this.#stopped || this.#committing === written) return;
    this.#committing = written;
    const commit = { through: written, done: false };
    this.#commits.push(commit);
    journal.commit().then(
      () => this.#committed(commit),
      (error: unknown) => {
        this.#commits.length = 0;
        this.#fatal(error instanceof StoreError ? exitCodeOf(error) : ExitCode.writeFailed, error);
        this.#settle();
      },
    );
  }

  #committed(commit: { done: boolean }): void {
    commit.done = true;
    while (this.#commits[0]?.done) this.#disk.reached(this.#commits.shift()?.through ?? 0);
    this.#settle();
    if (this.#stopped) return;
    try {
      this.#release();
      this.#makeRoom();
    } catch (error) {
      this.#fatal(ExitCode.unexpected, error);
    }
  }

  #settle(): void {
    if (this.#commits.length === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #release(): void {
    for (let held = this.#disk.take(); held; held = this.#disk.take())
      this.#options.send(held.to, held.message);
  }

  /** Less waits than this part of what may wait. */
  #hasRoom(part: number, forDisk = true): boolean {
    const bytes = this.#waitingBytes + (forDisk ? this.#disk.bytes : 0);
    return this.#waiting.length < this.#maxWaiting * part && bytes < this.#maxWaitingBytes * part;
  }

  #makeRoom(): void {
    if (this.#onRoom.length === 0 || !this.#hasRoom(0.5)) return;
    for (const callback of this.#onRoom.splice(0)) callback();
  }

  #halt(): void {
    this.#stopped = true;
    this.#stopTicks?.();
    this.#waiting.takeAll();
    this.#waitingBytes = 0;
    this.#disk.drop();
    for (const callback of this.#onRoom.splice(0)) callback();
  }

  #fatal(code: number, error: unknown): void {
    if (this.#stopped) return;
    this.#halt();
    this.#options.onFatal(code, error);
  }
}
