import type { Peer } from "../input.js";

/** A slot_out that a peer tells: everything below is decided, it says. */
export interface Claim {
  readonly peer: Peer;
  readonly slotOut: number;
}

interface KeptClaim extends Claim {
  /** Ticks since phase 1 was seen to contradict it; undefined while it does not. */
  doubtedTicks: number | undefined;
}

/** The claims of the peers that can be talked to, and for how long each could not be true (rule 28). */
export class Claims {
  readonly #claims = new Map<string, KeptClaim>();

  /** The highest slot_out that anybody tells; 1 when nobody tells any. */
  get highest(): number {
    return Math.max(1, ...[...this.#claims.values()].map(({ slotOut }) => slotOut));
  }

  /** A peer tells its slot_out. */
  told(peer: Peer, slotOut: number): void {
    const doubtedTicks = this.#claims.get(keyOf(peer))?.doubtedTicks;
    this.#claims.set(keyOf(peer), { peer, slotOut, doubtedTicks });
  }

  forget(peer: Peer): void {
    this.#claims.delete(keyOf(peer));
  }

  /** Phase 1 shows nothing of what this peer claims. */
  doubted(peer: Peer): void {
    const claim = this.#claims.get(keyOf(peer));
    if (claim) claim.doubtedTicks ??= 0;
  }

  /** It can be true. */
  believed(peer: Peer): void {
    const claim = this.#claims.get(keyOf(peer));
    if (claim) claim.doubtedTicks = undefined;
  }

  /** Another ballot is under way, which has not contradicted anybody yet. */
  restart(): void {
    for (const claim of this.#claims.values()) claim.doubtedTicks = undefined;
  }

  tick(): void {
    for (const claim of this.#claims.values()) if (claim.doubtedTicks !== undefined) claim.doubtedTicks++;
  }

  /** The claims by which this slot is decided. */
  of(slot: number): readonly Claim[] {
    return [...this.#claims.values()].filter(({ slotOut }) => slotOut > slot);
  }

  /** The claims doubted for at least this long. */
  doubtedFor(ticks: number): readonly Claim[] {
    return [...this.#claims.values()].filter(({ doubtedTicks }) => (doubtedTicks ?? -1) >= ticks);
  }
}

function keyOf({ role, id }: Peer): string {
  return `${role}/${id}`;
}
