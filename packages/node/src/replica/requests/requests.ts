import * as grpc from "@grpc/grpc-js";
import { type Command, commandBytes, type Refusal } from "@synod/core";
import { type Answer, type Engine, remedyMethod } from "@synod/state-machine";
import { type Response, type Scheduler, serviceLoop } from "@synod/wire";
import { type Caller, noPlaceText, Places, thisProcess } from "../../transport/places.js";
import type { SystemCommands } from "../system-commands.js";
import { OwnSession } from "./own-session.js";
import { closedHere, outOfTime, refusedHere, unknownHere } from "./unanswered.js";
import type { Group, Waiter } from "./waiter.js";

/** The parts of a replica that its front needs. */
export interface RequestsOptions {
  readonly engine: Pick<Engine, "answerTo" | "isQuery" | "lacksRoom" | "validate">;
  readonly commands: SystemCommands;
  /** Default: the event loop of this process. */
  readonly scheduler?: Scheduler | undefined;
  /** Hands a command over to be proposed. */
  propose(command: Command, caller: Caller): void;
  /** The same once more, for one that its slot had no room for: it goes before those of its caller that have not been proposed. */
  proposeAgain(command: Command): void;
  /** A command that was handed over was executed, and took so many bytes of its slot's room. */
  took(command: Command, bytes: number): void;
  /** Nobody waits for what was handed over. @returns true when it was not proposed, and never will be */
  forget?(command: Command): boolean;
  /** The reason why nothing can be decided now; empty when nothing stands in the way. */
  obstacle(): string;
  /** The reason why what is decided is not executed here yet; empty when it is. */
  lag(): string;
  /** The reason why nothing may be answered though it is executed (rule 34); undefined while it may. */
  doubt?(): string | undefined;
  /** Sequences that a session keeps apart at a time. */
  readonly sessionWindow?: number | undefined;
  /** Commands of clients, and bytes of them, that may wait at a time. */
  readonly maxWaiting?: number;
  readonly maxWaitingBytes?: number;
}

class WaitingGroup implements Group {
  readonly waiters: Waiter[] = [];
  readonly done: (index: number, response: Response) => void;
  readonly #abandon: (waiter: Waiter) => void;
  left = 0;
  cancelExpiry: (() => void) | undefined;

  constructor(done: (index: number, response: Response) => void, abandon: (waiter: Waiter) => void) {
    this.done = done;
    this.#abandon = abandon;
  }

  cancel(): void {
    this.cancelExpiry?.();
    for (const waiter of this.waiters) this.#abandon(waiter);
  }
}

/**
 * Clients' commands from their arrival to their answer: checked, proposed once, and answered when the slot that decided
 * them is applied, whichever replica proposed it. Every wait ends, by its deadline at the latest, with the reason.
 */
export class Requests {
  readonly #options: RequestsOptions;
  readonly #scheduler: Scheduler;
  readonly #places: Places;
  readonly #own: OwnSession;
  /** The waiters of each command, by its client and sequence. */
  readonly #waiting = new Map<string, Waiter[]>();
  readonly #groups = new Set<WaitingGroup>();
  #count = 0;
  /** The reason why nothing is taken any more. */
  #closed: string | undefined;
  /** The reason why nothing is taken now but remedies. */
  #suspended: string | undefined;

  constructor(options: RequestsOptions) {
    this.#options = options;
    this.#scheduler = options.scheduler ?? serviceLoop;
    const { maxWaiting = 65_536, maxWaitingBytes = 64 << 20 } = options;
    this.#places = new Places({ maxNumber: maxWaiting, maxBytes: maxWaitingBytes });
    this.#own = new OwnSession({
      commands: options.commands,
      scheduler: this.#scheduler,
      maxInUse: options.sessionWindow ?? 1_000,
      execute: (command, limitMs, done) =>
        this.submit([command], thisProcess, limitMs, (_, response) => done(response)),
      bind: (waiter, command) => this.#propose(waiter, command),
    });
  }

  /** Opens the session for requests that name none. */
  start(): void {
    this.#own.start();
  }

  /** Commands that somebody waits for. */
  get waiting(): number {
    return this.#count;
  }

  /**
   * Has commands executed. `done` is called once for each, at the latest after `limitMs`; it may be called before this
   * returns.
   */
  submit(
    commands: readonly Command[],
    caller: Caller,
    limitMs: number,
    done: (index: number, response: Response) => void,
  ): Group {
    const group = new WaitingGroup(done, (waiter) => this.#abandon(waiter));
    group.left = commands.length;
    this.#groups.add(group);
    commands.forEach((asked, index) => {
      const ofSynod = this.#options.commands.made(asked);
      const waiter: Waiter = {
        ...{ asked, caller, ofSynod, query: this.#options.engine.isQuery(asked), group, index },
        ...{ place: undefined, proposed: undefined, handed: undefined, jumped: false, settled: false },
      };
      this.#count++;
      group.waiters.push(waiter);
      this.#admit(waiter);
    });
    if (group.left > 0)
      group.cancelExpiry = this.#scheduler.after(limitMs, () => this.#expire(group, limitMs));
    return group;
  }

  /** A command was decided: executed, or refused by the log, here or wherever it was proposed. */
  executed(command: Command, answer: Answer): void {
    const waiters = this.#waitersFor(command);
    if (waiters.length === 0) return;
    if (answer.deferred) {
      this.#proposeAgain(waiters, command);
      return;
    }
    const handed = waiters[0]?.handed;
    if (handed && answer.took !== undefined) this.#options.took(handed, answer.took);
    const doubt = this.#options.doubt?.();
    for (const waiter of waiters) {
      if (doubt !== undefined) this.#settle(waiter, unknownHere(waiter, doubt));
      else if (answer.outcome === "not-executed") this.#refusedByLog(waiter, answer);
      else this.#settle(waiter, answer);
    }
  }

  /**
   * This copy was not executed, nor will a later one be. The first copy since the command was proposed is the first
   * there is, unless slots were jumped over: there an earlier one may have been executed, before the session was let go.
   */
  #refusedByLog(waiter: Waiter, refusal: Answer): void {
    const { asked, proposed, query } = waiter;
    const unknown = waiter.jumped && !query;
    if (proposed === undefined || proposed === asked) {
      this.#settle(waiter, unknown ? { ...refusal, outcome: "unknown" } : refusal);
      return;
    }
    // Only the replica's own session is gone, of which its asker knows nothing.
    this.#own.lost(proposed.clientId);
    if (unknown) this.#settle(waiter, unknownHere(waiter, jumpedOver));
    else this.#proposeAnew(waiter, proposed);
  }

  /**
   * Slots were jumped over by a snapshot: what they executed is answered from the sessions (rule 19). No session keeps the
   * answer to a system command, so nobody can tell what became of one; whoever waits for it asks again.
   */
  jumped(): void {
    for (const waiter of [...this.#waiting.values()].flat()) {
      const proposed = waiter.proposed as Command;
      waiter.jumped = true;
      const answer = this.#answerFromSession(proposed);
      if (answer) this.#settle(waiter, answer);
      else if (this.#options.commands.made(proposed)) this.#settle(waiter, unknownHere(waiter, jumpedOver));
    }
  }

  /**
   * A command was decided in a slot that a snapshot jumped over: answered from its session if that still tells (rule 19). No
   * session keeps the answer to a query, which is asked again.
   */
  jumpedOver(command: Command): void {
    const waiters = this.#waitersFor(command);
    if (waiters.some(({ query }) => query)) {
      this.#proposeAgain(waiters, command);
      return;
    }
    for (const waiter of waiters) {
      const proposed = waiter.proposed as Command;
      const answer = this.#answerFromSession(proposed);
      this.#settle(waiter, answer ?? unknownHere(waiter, jumpedOver));
      // A session of the replica's own that tells nothing of it is done with.
      if (!answer && proposed !== waiter.asked) this.#own.lost(proposed.clientId);
    }
  }

  /** The same object goes again, by which it is known whose it is. */
  #proposeAgain([waiter]: readonly Waiter[], command: Command): void {
    this.#options.proposeAgain(waiter?.handed ?? command);
  }

  #isOwnRemedy(command: Command): boolean {
    return command.method === remedyMethod && this.#options.commands.made(command);
  }

  /** Whoever waits for this command; the same sequence with other bytes is another one, with an answer of its own. */
  #waitersFor(command: Command): Waiter[] {
    const waiters = this.#waiting.get(keyOf(command)) ?? [];
    return waiters.filter(({ proposed }) => sameCommand(proposed, command));
  }

  #answerFromSession(proposed: Command): Answer | undefined {
    return this.#options.commands.made(proposed) ? undefined : this.#options.engine.answerTo(proposed);
  }

  /** The role did not take a command. */
  refused(command: Command, reason: Refusal): void {
    const details =
      reason === "queue-full"
        ? "too many commands wait in this replica already; try again later"
        : `a command of ${command.request.length} bytes is more than one slot can decide`;
    // Those that joined it while it was handed over have nothing else that is proposed for them.
    for (const waiter of this.#waitersFor(command))
      this.#settle(waiter, refusedHere(waiter.asked, grpc.status.RESOURCE_EXHAUSTED, details));
  }

  /** Answers everybody who waits, and whoever comes after, so that the client asks another replica where that is safe. */
  close(reason: string): void {
    this.#closed ??= reason;
    this.#own.close();
    for (const group of [...this.#groups]) {
      group.cancelExpiry?.();
      for (const waiter of group.waiters) this.#end(waiter, reason);
    }
  }

  /**
   * Answers everybody who waits, and whoever comes before `resume`, as `close` does. Only a remedy goes on: this replica need
   * execute nothing to learn that it was decided.
   */
  suspend(reason: string): void {
    this.#suspended = reason;
    for (const group of [...this.#groups])
      for (const waiter of group.waiters) if (!this.#isOwnRemedy(waiter.asked)) this.#end(waiter, reason);
  }

  #end(waiter: Waiter, reason: string): void {
    if (waiter.settled) return;
    this.#takeBack(waiter);
    this.#settle(waiter, closedHere(waiter, reason));
  }

  resume(): void {
    this.#suspended = undefined;
    this.start();
  }

  #admit(waiter: Waiter): void {
    const known = this.#answerNow(waiter) ?? this.#noPlace(waiter);
    if (known) {
      this.#settle(waiter, known);
      return;
    }
    if (!waiter.ofSynod) waiter.asked = detached(waiter.asked);
    if (waiter.asked.clientId === "") this.#own.enqueue(waiter);
    else this.#propose(waiter, waiter.asked);
  }

  /** The refusal of what finds no place to wait in. */
  #noPlace(waiter: Waiter): Response | undefined {
    const { asked, caller } = waiter;
    const bytes = commandBytes(asked);
    const none = this.#places.take(caller, bytes);
    if (none) return refusedHere(asked, grpc.status.RESOURCE_EXHAUSTED, noPlaceText(none, "commands"));
    waiter.place = bytes;
    return undefined;
  }

  /** The answer to what need not, or must not, be proposed. */
  #answerNow(waiter: Waiter): Answer | Response | undefined {
    const { asked } = waiter;
    if (this.#closed !== undefined) return closedHere(waiter, this.#closed);
    if (this.#suspended !== undefined && !this.#isOwnRemedy(asked))
      return closedHere(waiter, this.#suspended);
    if (this.#options.commands.made(asked)) return undefined;
    const { engine, doubt } = this.#options;
    const doubted = doubt?.();
    if (doubted !== undefined) return refusedHere(asked, grpc.status.UNAVAILABLE, `this replica ${doubted}`);
    const executed = asked.clientId === "" ? undefined : engine.answerTo(asked);
    if (executed) return executed;
    const rejection =
      engine.validate(asked.service, asked.method, asked.request) ??
      (asked.clientId === "" ? undefined : engine.lacksRoom(asked));
    return rejection && refusedHere(asked, rejection.status, rejection.message);
  }

  #propose(waiter: Waiter, command: Command): void {
    waiter.proposed = command;
    const key = keyOf(command);
    const others = this.#waiting.get(key);
    // A repeat of what is under way waits with it: proposing it again would only cost a place in the log.
    const underWay = others?.find((other) => sameCommand(other.proposed, command));
    waiter.handed = underWay?.handed ?? command;
    if (others) others.push(waiter);
    else this.#waiting.set(key, [waiter]);
    if (!underWay) this.#options.propose(command, waiter.caller);
  }

  /** Its session is gone and it was not executed there: it goes again under the next one, within its time. */
  #proposeAnew(waiter: Waiter, refused: Command): void {
    this.#forget(waiter, refused);
    waiter.proposed = undefined;
    this.#own.enqueue(waiter);
  }

  #expire(group: WaitingGroup, limitMs: number): void {
    const why = { obstacle: this.#options.obstacle(), lag: this.#options.lag() };
    for (const waiter of group.waiters) {
      if (waiter.settled) continue;
      this.#takeBack(waiter);
      this.#settle(waiter, outOfTime(waiter, limitMs, why));
    }
  }

  /** It ends without an answer: what waits here and nobody else waits for is never proposed, and so never executed. */
  #takeBack(waiter: Waiter): void {
    const { proposed } = waiter;
    if (proposed && this.#forget(waiter, proposed)) waiter.proposed = undefined;
  }

  #settle(waiter: Waiter, answer: Answer | Response): void {
    if (waiter.settled) return;
    this.#abandon(waiter);
    const { status, message, response, slot, details, outcome } = answer;
    const { clientId, sequence } = waiter.asked;
    const plain: Response = { clientId, sequence, status, message, response, slot, outcome };
    const group = waiter.group as WaitingGroup;
    group.done(waiter.index, details === undefined ? plain : { ...plain, details });
  }

  /** Nobody waits for it any more. It may still be decided. */
  #abandon(waiter: Waiter): void {
    if (waiter.settled) return;
    waiter.settled = true;
    this.#count--;
    const group = waiter.group as WaitingGroup;
    if (--group.left === 0) {
      group.cancelExpiry?.();
      this.#groups.delete(group);
    }
    if (waiter.place !== undefined) this.#places.leave(waiter.caller, waiter.place);
    if (waiter.proposed) this.#forget(waiter, waiter.proposed);
    else this.#own.leave(waiter);
  }

  /** @returns true when it was not proposed, and never will be */
  #forget(waiter: Waiter, proposed: Command): boolean {
    if (proposed !== waiter.asked) this.#own.release(proposed);
    const key = keyOf(proposed);
    const others = (this.#waiting.get(key) ?? []).filter((other) => other !== waiter);
    if (others.length === 0) this.#waiting.delete(key);
    else this.#waiting.set(key, others);
    const { handed } = waiter;
    waiter.handed = undefined;
    if (handed === undefined || others.some((other) => other.handed === handed)) return false;
    return this.#options.forget?.(handed) ?? false;
  }
}

const jumpedOver = "a snapshot was installed meanwhile";

function keyOf(command: Command): string {
  return `${command.clientId}/${command.sequence}`;
}

function sameCommand(a: Command | undefined, b: Command): boolean {
  if (a === b) return true;
  return (
    a !== undefined &&
    a.method === b.method &&
    a.service === b.service &&
    Buffer.compare(a.request, b.request) === 0
  );
}

/** A view of this many bytes more than its own is not worth a copy. */
const maxPinnedBytes = 1_024;

/** The command without the rest of the message that it came in, which would wait in memory with it, and in no count. */
function detached(command: Command): Command {
  const { request } = command;
  if (request.buffer.byteLength <= 2 * request.length + maxPinnedBytes) return command;
  return { ...command, request: Buffer.from(request) };
}
