import type { Peer } from "./input.js";

/** A slot_out that a peer tells: everything below is decided, it says. */
export interface Claim {
  readonly peer: Peer;
  readonly slotOut: number;
}

interface Told extends Claim {
  /** Ticks since phase 1 was seen to contradict it; undefined while it does not. */
  doubtedTicks: number | undefined;
}

/** What the peers that can be talked to say is decided, and for how long that could not be true (rule 28). */
export class Claims {
  readonly #told = new Map<string, Told>();

  /** The highest slot_out that anybody tells; 1 when nobody tells any. */
  get highest(): number {
    return Math.max(1, ...[...this.#told.values()].map(({ slotOut }) => slotOut));
  }

  told(peer: Peer, slotOut: number): void {
    const doubtedTicks = this.#told.get(keyOf(peer))?.doubtedTicks;
    this.#told.set(keyOf(peer), { peer, slotOut, doubtedTicks });
  }

  forget(peer: Peer): void {
    this.#told.delete(keyOf(peer));
  }

  /** Phase 1 shows nothing of what this peer claims. */
  doubted(peer: Peer): void {
    const claim = this.#told.get(keyOf(peer));
    if (claim) claim.doubtedTicks ??= 0;
  }

  /** It can be true. */
  believed(peer: Peer): void {
    const claim = this.#told.get(keyOf(peer));
    if (claim) claim.doubtedTicks = undefined;
  }

  /** Another ballot is under way, which has not contradicted anybody yet. */
  restart(): void {
    for (const claim of this.#told.values()) claim.doubtedTicks = undefined;
  }

  tick(): void {
    for (const claim of this.#told.values()) if (claim.doubtedTicks !== undefined) claim.doubtedTicks++;
  }

  /** Those that say this slot is decided. */
  of(slot: number): readonly Claim[] {
    return [...this.#told.values()].filter(({ slotOut }) => slotOut > slot);
  }

  /** Those doubted for at least this long. */
  doubtedFor(ticks: number): readonly Claim[] {
    return [...this.#told.values()].filter(({ doubtedTicks }) => (doubtedTicks ?? -1) >= ticks);
  }
}

function keyOf({ role, id }: Peer): string {
  return `${role}/${id}`;
}
