import { type Configuration, majorityOf, type OrderedMap } from "@synod/core";
import { reportedHashKey, reportedHashRange, slotOfKey } from "../state/layout.js";

type Replicas = Configuration["replicas"];

/** The hash that a replica reported of a slot. */
export interface ReportedHash {
  /** In hexadecimal. */
  readonly hash: string;
  /** Id of the store that was reported of. */
  readonly store: string;
}

/** The members' reports of one slot. */
export interface Tally {
  /** The hash that most of them reported; on a tie the one that is first as text, as on every replica. Empty for none. */
  readonly hash: string;
  /** The number of members that reported it. */
  readonly count: number;
  /** The number of members that reported anything. */
  readonly reported: number;
  /** At least one hash differs from another. */
  readonly differ: boolean;
  /** A majority reported the hash. */
  readonly agreed: boolean;
}

/**
 * Slots whose reported hashes are kept, to be compared. Replicas report every checkpoint, so this is how far one may lag
 * behind another before the two can no longer be compared, and the trim point waits for it.
 */
const keptSlots = 256;
const hashBytes = 32;

/** The hashes that replicas reported of the same slots, side by side in the replicated state. */
export class ReportedHashes {
  readonly #state: OrderedMap;
  /** In each slot the hash by replica. */
  readonly #slots = new Map<number, Map<string, ReportedHash>>();

  constructor(state: OrderedMap) {
    this.#state = state;
    for (const [key, value] of state.range(reportedHashRange)) {
      const hash = Buffer.from(value.subarray(0, hashBytes)).toString("hex");
      const store = Buffer.from(value.subarray(hashBytes)).toString();
      this.#at(slotOfKey(key)).set(Buffer.from(key.subarray(9)).toString(), { hash, store });
    }
  }

  /** By replica; empty for a slot that nobody reported, or that is kept no more. */
  at(slot: number): ReadonlyMap<string, ReportedHash> {
    return this.#slots.get(slot) ?? new Map();
  }

  /** Those kept, the highest first. */
  get slots(): readonly number[] {
    return [...this.#slots.keys()].sort((a, b) => b - a);
  }

  /** @param pinned a slot that must not be let go of */
  keep(replica: string, slot: number, { hash, store }: ReportedHash, pinned: number | undefined): void {
    this.#at(slot).set(replica, { hash, store });
    this.#state.put(
      reportedHashKey(slot, replica),
      Buffer.concat([Buffer.from(hash, "hex"), Buffer.from(store)]),
    );
    if (this.#slots.size <= keptSlots) return;
    const oldest = this.slots.findLast((each) => each !== pinned);
    if (oldest !== undefined) this.#letGo(oldest);
  }

  /**
   * The members' reports of a slot.
   * @param counts whether what a member reported counts
   */
  tally(
    slot: number,
    replicas: Replicas,
    counts: (replica: string, reported: ReportedHash) => boolean = () => true,
  ): Tally {
    const byHash = new Map<string, number>();
    let reported = 0;
    for (const { id } of replicas) {
      const said = this.#slots.get(slot)?.get(id);
      if (said === undefined || !counts(id, said)) continue;
      reported++;
      byHash.set(said.hash, (byHash.get(said.hash) ?? 0) + 1);
    }
    const [most] = [...byHash].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
    const [hash, count] = most ?? ["", 0];
    return { hash, count, reported, differ: byHash.size > 1, agreed: count >= majorityOf(replicas.length) };
  }

  #at(slot: number): Map<string, ReportedHash> {
    const known = this.#slots.get(slot);
    if (known !== undefined) return known;
    const hashes = new Map<string, ReportedHash>();
    this.#slots.set(slot, hashes);
    return hashes;
  }

  #letGo(slot: number): void {
    for (const id of this.at(slot).keys()) this.#state.delete(reportedHashKey(slot, id));
    this.#slots.delete(slot);
  }
}
