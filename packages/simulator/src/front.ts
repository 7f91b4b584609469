import { type Command, Status } from "@synod/core";
import { type Answer, type Engine, systemService } from "@synod/state-machine";
import type { Response } from "@synod/wire";

interface Waiter {
  readonly command: Command;
  readonly answer: (answer: Told) => void;
}

/** What a client is told. Without a slot, nothing is known of what became of the command. */
export type Told = Pick<Answer, "status" | "response" | "slot" | "message"> & Pick<Response, "outcome">;

const unknown: Told = {
  status: Status.resourceExhausted,
  response: new Uint8Array(),
  slot: 0,
  message: "ask again",
  outcome: "unknown",
};

function keyOf({ clientId, sequence }: Command): string {
  return `${clientId}/${sequence}`;
}

/** Where clients' commands arrive at a replica, and wait for the slot that decides them, whoever proposed it. */
export class Front {
  readonly #engine: Pick<Engine, "answerTo">;
  readonly #waiting = new Map<string, Waiter[]>();

  constructor(engine: Pick<Engine, "answerTo">) {
    this.#engine = engine;
  }

  /** Commands that somebody waits for. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** @returns whether the command must be proposed: it is neither answered already nor under way */
  submit(command: Command, answer: (answer: Told) => void): boolean {
    const known = command.service === systemService ? undefined : this.#engine.answerTo(command);
    if (known) {
      answer(known);
      return false;
    }
    const key = keyOf(command);
    const waiters = this.#waiting.get(key);
    if (!waiters) this.#waiting.set(key, [{ command, answer }]);
    else waiters.push({ command, answer });
    return waiters === undefined;
  }

  executed(command: Command, answer: Answer): void {
    this.#settle(keyOf(command), answer);
  }

  refused(command: Command): void {
    this.#settle(keyOf(command), unknown);
  }

  /** A snapshot jumped over slots: what they executed is answered from the sessions (rule 19). */
  jumped(): void {
    for (const [key, [first]] of [...this.#waiting]) {
      if (!first) continue;
      const { command } = first;
      const answer = command.service === systemService ? unknown : this.#engine.answerTo(command);
      if (answer) this.#settle(key, answer);
    }
  }

  /** A command was decided in a slot that a snapshot jumped over. */
  jumpedOver(command: Command): void {
    const answer = command.service === systemService ? undefined : this.#engine.answerTo(command);
    this.#settle(keyOf(command), answer ?? unknown);
  }

  #settle(key: string, answer: Told): void {
    const waiters = this.#waiting.get(key) ?? [];
    this.#waiting.delete(key);
    for (const waiter of waiters) waiter.answer(answer);
  }
}
