import * as grpc from "@grpc/grpc-js";
import type { Command, Refusal } from "@synod/core";
import type { Answer, Engine } from "@synod/state-machine";
import type { Response } from "@synod/wire";
import { OwnSession } from "./own-session.js";
import { isOwnSystemCommand } from "./system-commands.js";

/** What a replica's front needs of the rest. */
export interface RequestsOptions {
  readonly engine: Pick<Engine, "answerTo" | "validate">;
  /** Hands a command to the role. */
  propose(command: Command): void;
  /** Why nothing can be decided now; empty when nothing stands in the way. */
  obstacle(): string;
  readonly maxWaiting?: number;
}

/** A command that somebody waits for. */
export interface Waiter {
  /** As it was asked; without a session, it goes under the replica's own. */
  readonly asked: Command;
  readonly group: Group;
  readonly index: number;
  /** As it was proposed; undefined while it waits for a place in the replica's own session. */
  proposed: Command | undefined;
  settled: boolean;
}

/** Commands that arrived together and share a deadline. */
export interface Group {
  /** Nobody waits any more: nothing is answered after it. */
  cancel(): void;
}

class WaitingGroup implements Group {
  readonly waiters: Waiter[] = [];
  readonly done: (index: number, response: Response) => void;
  readonly #abandon: (waiter: Waiter) => void;
  left = 0;
  timer: NodeJS.Timeout | undefined;

  constructor(done: (index: number, response: Response) => void, abandon: (waiter: Waiter) => void) {
    this.done = done;
    this.#abandon = abandon;
  }

  cancel(): void {
    clearTimeout(this.timer);
    for (const waiter of this.waiters) this.#abandon(waiter);
  }
}

/**
 * Clients' commands from their arrival to their answer: checked, proposed once, and answered when the slot that decided
 * them is applied, whichever replica proposed it. Every wait ends, by its deadline at the latest, with the reason.
 */
export class Requests {
  readonly #options: RequestsOptions;
  readonly #maxWaiting: number;
  readonly #own: OwnSession;
  /** By client and sequence. */
  readonly #waiting = new Map<string, Waiter[]>();
  readonly #groups = new Set<WaitingGroup>();
  #count = 0;
  /** Why nothing is taken any more. */
  #closed: string | undefined;

  constructor(options: RequestsOptions) {
    this.#options = options;
    this.#maxWaiting = options.maxWaiting ?? 65_536;
    this.#own = new OwnSession({
      execute: (command, limitMs, done) => this.submit([command], limitMs, (_, response) => done(response)),
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
    limitMs: number,
    done: (index: number, response: Response) => void,
  ): Group {
    const group = new WaitingGroup(done, (waiter) => this.#abandon(waiter));
    group.left = commands.length;
    this.#groups.add(group);
    commands.forEach((asked, index) => {
      const waiter: Waiter = { asked, group, index, proposed: undefined, settled: false };
      this.#count++;
      group.waiters.push(waiter);
      this.#admit(waiter);
    });
    if (group.left > 0) group.timer = setTimeout(() => this.#expire(group, limitMs), limitMs);
    return group;
  }

  /** A command was executed, here or wherever it was proposed. */
  executed(command: Command, answer: Answer): void {
    const waiters = this.#waiting.get(keyOf(command));
    if (!waiters) return;
    // The same sequence with other bytes is another command, with an answer of its own.
    for (const waiter of [...waiters])
      if (sameCommand(waiter.proposed, command)) this.#settle(waiter, answer);
  }

  /**
   * Slots were jumped over by a snapshot: what they executed is answered from the sessions (rule 19). No session keeps the
   * answer to a system command, so nobody can tell what became of one; whoever waits for it asks again.
   */
  jumped(): void {
    for (const waiter of [...this.#waiting.values()].flat()) {
      const proposed = waiter.proposed as Command;
      const answer = this.#answerFromSession(proposed);
      if (answer) this.#settle(waiter, answer);
      else if (isOwnSystemCommand(proposed)) this.#settle(waiter, unknownOutcome(waiter));
    }
  }

  /** A command was decided in a slot that a snapshot jumped over: answered from its session if that still tells (rule 19). */
  jumpedOver(command: Command): void {
    for (const waiter of [...(this.#waiting.get(keyOf(command)) ?? [])]) {
      const proposed = waiter.proposed as Command;
      if (sameCommand(proposed, command))
        this.#settle(waiter, this.#answerFromSession(proposed) ?? unknownOutcome(waiter));
    }
  }

  #answerFromSession(proposed: Command): Answer | undefined {
    return isOwnSystemCommand(proposed) ? undefined : this.#options.engine.answerTo(proposed);
  }

  /** The role did not take a command. */
  refused(command: Command, reason: Refusal): void {
    const details =
      reason === "queue-full"
        ? "too many commands wait in this replica already; try again later"
        : `a command of ${command.request.length} bytes is more than one slot can decide`;
    const response = failure(command, grpc.status.RESOURCE_EXHAUSTED, details);
    for (const waiter of [...(this.#waiting.get(keyOf(command)) ?? [])]) {
      if (waiter.proposed === command) this.#settle(waiter, response);
    }
  }

  /** Answers everybody who waits, and whoever comes after, with UNAVAILABLE: the client asks another replica. */
  close(reason: string): void {
    this.#closed ??= reason;
    this.#own.close();
    for (const group of [...this.#groups]) {
      clearTimeout(group.timer);
      for (const waiter of group.waiters) this.#settle(waiter, unavailable(waiter.asked, reason));
    }
  }

  #admit(waiter: Waiter): void {
    const { asked } = waiter;
    const known = this.#answerNow(asked);
    if (known) this.#settle(waiter, known);
    else if (asked.clientId === "") this.#own.enqueue(waiter);
    else this.#propose(waiter, asked);
  }

  /** The answer to what need not, or must not, be proposed. */
  #answerNow(asked: Command): Answer | Response | undefined {
    if (this.#closed !== undefined) return unavailable(asked, this.#closed);
    if (this.#count > this.#maxWaiting) {
      const details = `${this.#maxWaiting} commands wait in this replica already; try again later`;
      return failure(asked, grpc.status.RESOURCE_EXHAUSTED, details);
    }
    if (isOwnSystemCommand(asked)) return undefined;
    const { engine } = this.#options;
    const executed = asked.clientId === "" ? undefined : engine.answerTo(asked);
    if (executed) return executed;
    const rejection = engine.validate(asked.service, asked.method, asked.request);
    return rejection && failure(asked, rejection.status, rejection.message);
  }

  #propose(waiter: Waiter, command: Command): void {
    waiter.proposed = command;
    const key = keyOf(command);
    const others = this.#waiting.get(key);
    // A repeat of what is under way waits with it: proposing it again would only cost a place in the log.
    const underWay = others?.some((other) => sameCommand(other.proposed, command)) === true;
    if (others) others.push(waiter);
    else this.#waiting.set(key, [waiter]);
    if (!underWay) this.#options.propose(command);
  }

  #expire(group: WaitingGroup, limitMs: number): void {
    const obstacle = this.#options.obstacle();
    const code = obstacle === "" ? grpc.status.DEADLINE_EXCEEDED : grpc.status.UNAVAILABLE;
    const waited = `not decided within ${Math.round(limitMs)} ms`;
    const details = obstacle === "" ? `${waited}; it may be decided later` : `${waited}: ${obstacle}`;
    for (const waiter of group.waiters) this.#settle(waiter, failure(waiter.asked, code, details));
  }

  #settle(waiter: Waiter, answer: Answer | Response): void {
    if (waiter.settled) return;
    const { asked, proposed, index } = waiter;
    const group = waiter.group as WaitingGroup;
    this.#abandon(waiter);
    if (
      proposed &&
      proposed !== asked &&
      answer.status === grpc.status.ABORTED &&
      !this.#options.engine.answerTo(proposed)
    ) {
      this.#own.lost(proposed.clientId);
    }
    const { status, message, response, slot, details } = answer;
    const { clientId, sequence } = asked;
    const plain: Response = { clientId, sequence, status, message, response, slot };
    group.done(index, details === undefined ? plain : { ...plain, details });
  }

  /** Nobody waits for it any more. It may still be decided. */
  #abandon(waiter: Waiter): void {
    if (waiter.settled) return;
    waiter.settled = true;
    this.#count--;
    const group = waiter.group as WaitingGroup;
    if (--group.left === 0) {
      clearTimeout(group.timer);
      this.#groups.delete(group);
    }
    const { proposed } = waiter;
    if (!proposed) return;
    if (proposed !== waiter.asked) this.#own.release(proposed);
    const key = keyOf(proposed);
    const waiters = this.#waiting.get(key) ?? [];
    if (waiters.length <= 1) this.#waiting.delete(key);
    else
      this.#waiting.set(
        key,
        waiters.filter((other) => other !== waiter),
      );
  }
}

const noBytes = new Uint8Array();

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

function failure(asked: Command, status: number, message: string): Response {
  return { clientId: asked.clientId, sequence: asked.sequence, status, message, response: noBytes, slot: 0 };
}

/** Nobody here can tell whether it was executed. Asking again is safe only under a session of the asker's own. */
function unknownOutcome({ asked, proposed }: Waiter): Response {
  const unknown = "a snapshot was installed meanwhile; whether this was executed is unknown here";
  return asked === proposed
    ? unavailable(asked, `${unknown}, ask again`)
    : failure(asked, grpc.status.ABORTED, `${unknown}; look before you send it again`);
}

function unavailable(asked: Command, reason: string): Response {
  return failure(asked, grpc.status.UNAVAILABLE, reason);
}
