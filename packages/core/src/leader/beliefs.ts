import type { TrimRecord } from "../configuration.js";
import type { Peer } from "../input.js";
import { type Claim, Claims } from "./claims.js";
import type { LeaderContext } from "./leader-context.js";
import type { Leading } from "./leading.js";

/**
 * Decides what a leader believes of what its peers say is decided. A passive leader believes a claim until its own phase 1
 * can tell; one that leads believes what its phase 1 and its proposals show (rule 28). Trim records are facts.
 */
export class Beliefs {
  readonly #context: LeaderContext;
  readonly #claims = new Claims();
  /** The slot that is claimed to be decided and was not found by the last phase 1. */
  #refuted: number | undefined;

  constructor(context: LeaderContext) {
    this.#context = context;
  }

  /** The claims that contradict what the acceptors know. */
  contradicted(leading: Leading | undefined): readonly Claim[] {
    if (leading) return this.#claims.doubtedFor(this.#context.limits.suspectAfterTicks);
    return this.#refuted === undefined ? [] : this.#claims.of(this.#refuted);
  }

  /** Call once a tick while leading: a claim that stays doubtful is told of in the end. */
  tick(): void {
    this.#claims.tick();
  }

  /** A peer says that everything below `slotOut` is decided. */
  claimed(peer: Peer, slotOut: number, leading: Leading | undefined): void {
    const { learned } = this.#context;
    const before = learned.slotOut;
    this.#claims.told(peer, slotOut);
    const shown = slotOut <= before || !leading || leading.shows(slotOut);
    if (shown === false) this.#claims.doubted(peer);
    if (shown !== true) return;
    this.#claims.believed(peer);
    learned.claimed(slotOut);
    if (leading && slotOut > before) learned.proved(slotOut);
    this.#settle(before, leading);
  }

  /** A trim record came in. */
  trimmed(trim: TrimRecord, leading: Leading | undefined): void {
    const { learned } = this.#context;
    if (trim.below <= learned.trim.below) return;
    const before = learned.slotOut;
    learned.trimmed(trim);
    leading?.trimmed();
    this.#settle(before, leading);
  }

  /** Phase 1 did not find a slot that is claimed to be decided; or, with undefined, found what was claimed. */
  refuted(slot: number | undefined): void {
    this.#refuted = slot;
  }

  /** A peer is gone, and its claim with it. */
  forget(peer: Peer): void {
    this.#claims.forget(peer);
  }

  /** Another attempt to lead will judge all claims anew. */
  restart(): void {
    this.#claims.restart();
    this.reconsider();
  }

  /** Believes what is claimed now, and nothing that somebody claimed before. */
  reconsider(): void {
    const { learned } = this.#context;
    learned.doubt();
    learned.claimed(this.#claims.highest);
  }

  #settle(before: number, leading: Leading | undefined): void {
    if (this.#context.learned.slotOut === before) return;
    this.#context.delay.restart();
    leading?.settled();
  }
}
