import type { Limits } from "../limits.js";
import { Timeout } from "../timeout.js";
import type { KnownLeaders } from "./known-leaders.js";

/** Slots that a replica knows to be decided and lacks, both ends included. */
export interface Gap {
  readonly from: number;
  readonly through: number;
}

/** The longest time between two questions, as a multiple of the first. */
const longestWait = 16;

/** Asks leaders for the decisions that a replica lacks, until they come: more and more seldom (rule 15). */
export class GapQuestion {
  readonly #limits: Limits;
  readonly #leaders: KnownLeaders;
  readonly #timeout: Timeout;
  #askedThrough = 0;
  /** Ticks for which it has waited for answers since a slot was applied last; the last wait is the longest. */
  #ticksInVain = 0;
  #wait = 0;

  constructor(limits: Limits, leaders: KnownLeaders) {
    this.#limits = limits;
    this.#leaders = leaders;
    this.#timeout = new Timeout(limits.questionTicks);
  }

  /** A tick has passed. @returns true when it is time to ask for what is lacking */
  tick(lacking: boolean): boolean {
    if (lacking) return this.#timeout.tick();
    this.#timeout.start(this.#limits.questionTicks);
    return false;
  }

  /** Asks the active leader; every leader when none is known, or it does not answer. */
  ask({ from, through }: Gap): void {
    const { questionTicks, reproposeTicks } = this.#limits;
    const patient = this.#ticksInVain < reproposeTicks;
    this.#wait = Math.min(this.#wait === 0 ? questionTicks : 2 * this.#wait, longestWait * questionTicks);
    this.#ticksInVain += this.#wait;
    this.#timeout.start(this.#wait);
    this.#askedThrough = through;
    const question = { kind: "question", from, through } as const;
    if (patient) this.#leaders.tellActive(question);
    else this.#leaders.tellAll(question);
  }

  /** A slot was applied: decisions come. */
  applied(): void {
    this.#timeout.start(this.#limits.questionTicks);
    this.#ticksInVain = 0;
    this.#wait = 0;
  }

  /** @returns true, once, when everything that was asked for is applied: the next slots may be asked for at once */
  answered(slotOut: number): boolean {
    if (this.#askedThrough === 0 || slotOut <= this.#askedThrough) return false;
    this.#askedThrough = 0;
    return true;
  }

  /** The decisions asked for are not awaited any more. */
  restart(): void {
    this.applied();
    this.#askedThrough = 0;
  }

  /** Slot_out went back. */
  rewound(gap: Gap): void {
    this.#ticksInVain = 0;
    this.#wait = 0;
    this.ask(gap);
  }
}
