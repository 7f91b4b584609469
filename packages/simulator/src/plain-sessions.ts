import type { Command } from "@synod/core";
import { Status } from "@synod/state-machine";

/** The answer to a command when it was executed. */
export interface Given {
  readonly status: number;
  readonly response: Uint8Array;
  readonly slot: number;
}

export type PlainVerdict =
  | { readonly kind: "execute" }
  | { readonly kind: "repeat"; readonly given: Given }
  | { readonly kind: "refuse"; readonly status: number };

interface PlainSession {
  acknowledged: number;
  readonly executed: Map<number, { readonly command: Command; readonly given: Given }>;
}

/** Exactly once in the plainest words (rule 16), written without a look at how the core does it. */
export class PlainSessions {
  /** The least recently used first. */
  readonly #open = new Map<string, PlainSession>();
  readonly #names = new Set<string>();
  readonly #ending: string;
  readonly #maxSessions: number;
  readonly #maxWindow: number;

  /** @param clusterId ends the names of all its sessions, from its first 12 letters on */
  constructor(clusterId: string, maxSessions: number, maxWindow: number) {
    this.#ending = `.${clusterId.slice(0, 12)}`;
    this.#maxSessions = maxSessions;
    this.#maxWindow = maxWindow;
  }

  /** False when the name was used before, or is none of this cluster's. */
  open(name: string): boolean {
    if (this.#names.has(name) || !name.endsWith(this.#ending)) return false;
    this.#names.add(name);
    this.#open.set(name, { acknowledged: 0, executed: new Map() });
    const [oldest] = this.#open.keys();
    if (this.#open.size > this.#maxSessions && oldest !== undefined) this.#open.delete(oldest);
    return true;
  }

  judge(command: Command): PlainVerdict {
    const session = this.#open.get(command.clientId);
    if (!session) {
      const foreign = /^\d+\.\d+\./.test(command.clientId) && !command.clientId.endsWith(this.#ending);
      return { kind: "refuse", status: foreign ? Status.failedPrecondition : Status.aborted };
    }
    const acknowledged = Math.max(session.acknowledged, command.acknowledged);
    if (command.sequence <= acknowledged) return { kind: "refuse", status: Status.failedPrecondition };
    const before = session.executed.get(command.sequence);
    if (before && !sameRequest(before.command, command))
      return { kind: "refuse", status: Status.invalidArgument };
    if (!before && command.sequence > acknowledged + this.#maxWindow)
      return { kind: "refuse", status: Status.resourceExhausted };
    return before ? { kind: "repeat", given: before.given } : { kind: "execute" };
  }

  /**
   * A command that was not refused is done with.
   * @param given its answer; undefined when none is kept, as of a query
   */
  used(command: Command, given: Given | undefined): void {
    const session = this.#open.get(command.clientId) as PlainSession;
    this.#open.delete(command.clientId);
    this.#open.set(command.clientId, session);
    if (given && !session.executed.has(command.sequence))
      session.executed.set(command.sequence, { command, given });
    session.acknowledged = Math.max(session.acknowledged, command.acknowledged);
    for (const sequence of session.executed.keys())
      if (sequence <= session.acknowledged) session.executed.delete(sequence);
  }
}

function sameRequest(a: Command, b: Command): boolean {
  return a.service === b.service && a.method === b.method && Buffer.compare(a.request, b.request) === 0;
}
