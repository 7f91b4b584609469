import { below, type Command, type Random, Status } from "@synod/core";
import { openedSession } from "@synod/state-machine";
import type { Response } from "@synod/wire";
import { drawOperation, learnToken } from "./operation.js";

/** What a client needs of the world. */
export interface ClientWorld {
  readonly random: Random;
  readonly now: () => number;
  readonly outstanding: number;
  /** Has commands brought to a replica, together, some time, perhaps; by number. */
  send(replica: number, commands: readonly Command[]): void;
  /** Asks a replica for a session, likewise. */
  open(replica: number): void;
  readonly replicas: number;
}

interface Pending {
  readonly command: Command;
  again: number;
}

/** Sequences above the acknowledged mark; below the window that replicas keep. */
const maxAhead = 12;
const leastWaitTicks = 25;

/**
 * A client with a session (rule 16): a few commands outstanding, each sent again, unchanged, to any replica until it is
 * answered. When the session is gone it opens another, and never sends a command of the old one again.
 */
export class Client {
  readonly id: string;
  readonly #world: ClientWorld;
  readonly #outstanding = new Map<number, Pending>();
  readonly #answered = new Set<number>();
  readonly #tokens = new Map<string, string>();
  /** The only replica it talks to. */
  pinned: number | undefined;
  #replica: number;
  #session: string | undefined;
  /** When it asks for a session again. */
  #openAgain = 0;
  #next = 1;
  #acknowledged = 0;
  #wanted = 0;

  constructor(id: string, world: ClientWorld) {
    this.id = id;
    this.#world = world;
    this.#replica = below(world.random, world.replicas);
  }

  /** Asks for more commands, as far as there is room for them. */
  want(count: number): void {
    this.#wanted = Math.min(this.#wanted + count, this.#world.outstanding);
  }

  /** What it still waits for; 0 when everything was answered. */
  get waiting(): number {
    return this.#outstanding.size + this.#wanted;
  }

  tick(): void {
    const { now } = this.#world;
    if (this.#session === undefined) {
      if (this.#wanted > 0) this.#open();
      return;
    }
    for (const pending of this.#outstanding.values()) if (pending.again <= now()) this.#sendAgain(pending);
    this.#sendNew(this.#session);
  }

  /** What is new goes together. */
  #sendNew(session: string): void {
    const { random, now, outstanding, send } = this.#world;
    const commands: Command[] = [];
    while (
      this.#wanted > 0 &&
      this.#outstanding.size < outstanding &&
      this.#next - this.#acknowledged <= maxAhead
    ) {
      this.#wanted--;
      const sequence = this.#next++;
      const name = `${session}#${sequence}`;
      const operation = drawOperation(random, this.id, name, this.#tokens);
      const command = {
        clientId: session,
        sequence,
        acknowledged: this.#acknowledged,
        ...operation,
      };
      this.#outstanding.set(sequence, { command, again: now() + this.#waitTicks() });
      commands.push(command);
    }
    if (commands.length > 0) send(this.pinned ?? this.#replica, commands);
  }

  /** It was given a session. @returns whether it waited for one */
  opened({ response, slot }: Response): boolean {
    if (slot === 0 || this.#session !== undefined) return false;
    this.#session = openedSession(response);
    this.#next = 1;
    this.#acknowledged = 0;
    return true;
  }

  /** @returns whether it waited for this */
  told({ clientId, sequence, status, response, slot }: Response): boolean {
    const unknown = slot === 0;
    const pending = this.#outstanding.get(sequence);
    if (unknown || clientId !== this.#session || !pending) return false;
    if (status === Status.aborted) {
      this.#forgetSession();
      return true;
    }
    if (status === Status.ok) learnToken(pending.command, response, this.#tokens);
    this.#outstanding.delete(sequence);
    this.#answered.add(sequence);
    while (this.#answered.delete(this.#acknowledged + 1)) this.#acknowledged++;
    return true;
  }

  #forgetSession(): void {
    this.#session = undefined;
    this.#openAgain = 0;
    this.want(this.#outstanding.size);
    this.#outstanding.clear();
    this.#answered.clear();
    this.#tokens.clear();
  }

  #open(): void {
    const { random, now, replicas, open } = this.#world;
    if (this.#openAgain > now()) return;
    this.#replica = below(random, replicas);
    open(this.pinned ?? this.#replica);
    this.#openAgain = now() + this.#waitTicks();
  }

  /** Again to another replica, and now and then to two at once. */
  #sendAgain(pending: Pending): void {
    const { random, now, replicas, send } = this.#world;
    this.#replica = below(random, replicas);
    send(this.pinned ?? this.#replica, [pending.command]);
    if (this.pinned === undefined && random() < 0.1) send(below(random, replicas), [pending.command]);
    pending.again = now() + this.#waitTicks();
  }

  #waitTicks(): number {
    return leastWaitTicks + below(this.#world.random, leastWaitTicks);
  }
}
