import type { P1b } from "../message.js";
import { Timeout } from "../timeout.js";
import type { LeaderContext } from "./leader-context.js";
import type { Scout } from "./scout.js";

/**
 * Asks acceptors for the pages of a scout, again until they answer, and for pages that are not needed yet only while there
 * is room for what they tell.
 */
export class PageRequests {
  readonly scout: Scout;
  readonly #context: LeaderContext;
  readonly #resend: Timeout;
  /** Acceptors that told a page and were not asked for the next one yet. */
  readonly #ahead = new Set<string>();

  constructor(scout: Scout, context: LeaderContext) {
    this.scout = scout;
    this.#context = context;
    this.#resend = new Timeout(context.limits.resendTicks);
    this.#askAll();
  }

  tick(): void {
    if (this.#resend.tick()) this.#askAll();
  }

  /** An acceptor can be talked to again: the page that it owes is asked for at once. */
  connected(acceptor: string): void {
    if (this.scout.silent.includes(acceptor)) this.#ask(acceptor);
  }

  receive(answer: P1b): void {
    if (this.scout.receive(answer)) this.#ahead.add(answer.acceptor);
  }

  /**
   * Asks for next pages, but not for those beyond `needed` while much is held: with slot_out they come into reach. Whoever
   * keeps a majority from having told what is needed is always asked.
   */
  askOn(needed: number): void {
    const { acceptors, limits } = this.#context;
    for (const acceptor of this.#ahead) {
      const request = this.scout.ask(acceptor);
      if (this.scout.found.bytes > limits.maxKeptBytes && request.from > needed) continue;
      this.#ahead.delete(acceptor);
      acceptors.ask(acceptor, request);
    }
  }

  #askAll(): void {
    this.#resend.start(this.#context.limits.resendTicks);
    for (const acceptor of this.scout.silent) this.#ask(acceptor);
  }

  #ask(acceptor: string): void {
    if (!this.#ahead.has(acceptor)) this.#context.acceptors.ask(acceptor, this.scout.ask(acceptor));
  }
}
