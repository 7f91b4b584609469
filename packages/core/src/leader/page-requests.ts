import type { P1b } from "../message.js";
import type { Repetition } from "../round-trip.js";
import type { LeaderContext } from "./leader-context.js";
import type { Scout } from "./scout.js";

/**
 * Asks acceptors for the pages of a scout, again until they answer, and for pages that are not needed yet only while there
 * is room for what they tell.
 */
export class PageRequests {
  readonly scout: Scout;
  readonly #context: LeaderContext;
  /** The copies of the request that each acceptor has not answered. */
  readonly #copies = new Map<string, Repetition>();
  /** Acceptors that told a page and were not asked for the next one yet. */
  readonly #ahead = new Set<string>();

  constructor(scout: Scout, context: LeaderContext) {
    this.scout = scout;
    this.#context = context;
    for (const acceptor of scout.silent) this.#ask(acceptor);
  }

  tick(): void {
    for (const acceptor of this.scout.silent) if (this.#copies.get(acceptor)?.tick()) this.#send(acceptor);
  }

  /** An acceptor can be talked to again: the page that it owes is asked for at once. */
  connected(acceptor: string): void {
    if (this.scout.silent.includes(acceptor) && !this.#ahead.has(acceptor)) this.#ask(acceptor);
  }

  receive(answer: P1b): void {
    const { acceptor } = answer;
    const another = this.scout.receive(answer);
    if (another) this.#ahead.add(acceptor);
    if (!another && this.scout.silent.includes(acceptor)) return; // It answers something else.
    this.#copies.get(acceptor)?.answered();
    this.#copies.delete(acceptor);
  }

  /**
   * Asks for next pages, but not for those beyond `needed` while much is held: with slot_out they come into reach. Whoever
   * keeps a majority from having told what is needed is always asked.
   */
  askOn(needed: number): void {
    const { limits } = this.#context;
    for (const acceptor of this.#ahead) {
      if (this.scout.found.bytes > limits.maxKeptBytes && this.scout.ask(acceptor).from > needed) continue;
      this.#ahead.delete(acceptor);
      this.#ask(acceptor);
    }
  }

  /** Asks for a page: the first time, or on a new connection. */
  #ask(acceptor: string): void {
    this.#copies.set(acceptor, this.#context.acceptors.roundTrip(acceptor).begin());
    this.#send(acceptor);
  }

  #send(acceptor: string): void {
    this.#context.acceptors.ask(acceptor, this.scout.ask(acceptor));
  }
}
