import type { Scheduler } from "@synod/wire";
import { Rest } from "./rest.js";

/** Others count as asking for so long after their last command. */
const asksForMs = 1_000;
/** A replica is idle for so many times as long as the heavy commands took. */
const restTimes = 6;

export interface HeavyTurnsOptions {
  /** The number of replicas, and this one's place among them, from 0. */
  readonly replicas: number;
  position(): number;
  readonly scheduler: Pick<Scheduler, "nowMs" | "idleMs">;
}

/**
 * While others ask for what is light, replicas take turns with heavy commands, since all execute each of them. A turn is the
 * time in which a replica is idle for six times as long as the heavy ones of the last slot took; the slot's number says which
 * replica is first, and the others have the turns that follow. So two slots of them hardly ever follow upon each other, and a
 * turn that nobody takes passes without a word (rule 12).
 */
export class HeavyTurns {
  readonly #options: HeavyTurnsOptions;
  /** A light command was heard of last then. */
  #lightAtMs = Number.NEGATIVE_INFINITY;
  readonly #rest: Rest;
  /** The last slot with heavy commands, and the time that they took. */
  #last: { readonly slot: number; readonly ms: number } | undefined;

  constructor(options: HeavyTurnsOptions) {
    this.#options = options;
    this.#rest = new Rest(options.scheduler);
  }

  /** Others ask for what is light. */
  get asked(): boolean {
    return this.#options.scheduler.nowMs() - this.#lightAtMs < asksForMs;
  }

  /** Somebody asks for what is light, here or, as the log shows, elsewhere. */
  light(): void {
    this.#lightAtMs = this.#options.scheduler.nowMs();
  }

  /** The heavy commands of a slot took so long to be executed. */
  heavy(slot: number, ms: number): void {
    this.#last = { slot, ms };
    this.#rest.begin();
  }

  /** Heavy commands may be proposed here now. */
  get mine(): boolean {
    if (this.#last === undefined || !this.asked) return true;
    const { slot, ms } = this.#last;
    return this.#rest.lasted(restTimes * this.#placeAfter(slot) * ms);
  }

  /** This replica's place in the order of turns after a slot, from 1. */
  #placeAfter(slot: number): number {
    const { replicas, position } = this.#options;
    return 1 + ((position() + slot) % replicas);
  }
}
