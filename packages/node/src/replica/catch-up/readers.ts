import * as grpc from "@grpc/grpc-js";
import type { Scheduler } from "@synod/wire";
import { CallError } from "../../transport/server.js";

/** The time for which a replica that reads this one's state may fall silent: its host starts anew within that. */
const stateGoneMs = 10 * 60_000;
/** The same for one that reads the log: it asks for page after page. */
const logGoneMs = 2 * 60_000;

interface Reader {
  /** It wants the log behind this slot. */
  readonly slot: number;
  untilMs: number;
  readonly goneMs: number;
}

export interface ReadersOptions {
  /** Id of this replica. */
  readonly replica: string;
  /** Ids of all replicas. */
  replicas(): readonly string[];
  readonly scheduler: Scheduler;
}

/**
 * The replicas that catch up from this one, and the slot behind which each needs the log. It is kept for them until they have said,
 * by asking for what follows, that they are beyond, or were not heard of for long. Without it a reader would need another
 * snapshot when it has one, and again after that, for as long as much is written (rule 19).
 */
export class Readers {
  readonly #options: ReadersOptions;
  readonly #readers = new Map<string, Reader>();

  constructor(options: ReadersOptions) {
    this.#options = options;
  }

  /** The lowest slot behind which somebody needs the log; undefined when nobody does. */
  get lowestSlot(): number | undefined {
    return this.#lowest?.[1].slot;
  }

  /** Throws CallError where whoever gives this name is no other replica: nothing is kept for a stranger. */
  require(member: string): void {
    const { replica, replicas } = this.#options;
    const others = replicas().filter((id) => id !== replica);
    if (others.includes(member)) return;
    throw new CallError(
      grpc.status.INVALID_ARGUMENT,
      `expected the id of a replica that catches up from ${replica}, one of ${others.join(", ")}, found ${JSON.stringify(member)}`,
    );
  }

  has(member: string): boolean {
    this.#forgetGone();
    return this.#readers.has(member);
  }

  /** It gets the state as it was after the slot, and will want what follows. */
  readsState(member: string, slot: number): void {
    this.#set(member, slot, stateGoneMs);
  }

  /** It takes something in. */
  heard(member: string): void {
    const reader = this.#readers.get(member);
    if (reader !== undefined) reader.untilMs = this.#options.scheduler.nowMs() + reader.goneMs;
  }

  /** It has everything up to this slot, and reads the log behind it. */
  readsLog(member: string, slot: number): void {
    this.#set(member, slot, logGoneMs);
  }

  /** It wants nothing more. */
  forget(member: string): void {
    this.#readers.delete(member);
  }

  /** Forgets whoever needs most of the log, and gives its name; undefined when there is nobody. */
  forgetLowest(): string | undefined {
    const member = this.#lowest?.[0];
    if (member !== undefined) this.forget(member);
    return member;
  }

  get #lowest(): [string, Reader] | undefined {
    this.#forgetGone();
    return [...this.#readers].sort(([, a], [, b]) => a.slot - b.slot)[0];
  }

  #set(member: string, slot: number, goneMs: number): void {
    this.#readers.set(member, { slot, goneMs, untilMs: this.#options.scheduler.nowMs() + goneMs });
  }

  #forgetGone(): void {
    const now = this.#options.scheduler.nowMs();
    for (const [member, { untilMs }] of this.#readers) if (untilMs <= now) this.#readers.delete(member);
  }
}
