import { performance } from "node:perf_hooks";
import type { Transaction } from "lmdb";
import type { Damage } from "./damage.js";
import { type ByteDatabase, leastKey } from "./environment.js";
import { damagedStore } from "./error.js";
import type { DiskRange } from "./layered-map.js";
import { keyText, unsealRow } from "./seal.js";
import type { StateEntry } from "./snapshot.js";

/** Keys that are not found and whose absence is looked into, in a second: it costs several times what the look-up costs. */
const missesPerSecond = 1_000;

/**
 * Reads rows of a state, each of which is sealed: nothing that was not written so is ever given. lmdb has no checksums, and
 * its search goes by the keys in the file: a key that changed there is not found any more, and a row in its place is. So
 * the neighbours of what is not there have to be sound as well, as far as the time suffices.
 */
export class SealedRows {
  readonly #damage: Damage;
  #second = 0;
  #missesLeft = missesPerSecond;

  constructor(damage: Damage) {
    this.#damage = damage;
  }

  /** Throws StoreError `damaged`. */
  get(rows: ByteDatabase, key: Uint8Array): Uint8Array | undefined {
    return this.#damage.guard(() => {
      const record = rows.get(key);
      if (record !== undefined) return unsealRow(this.#damage.place, key, record);
      if (this.#mayLook()) this.#checkNeighbours(rows, key);
      return undefined;
    });
  }

  /** Throws StoreError `damaged`. */
  entries(rows: ByteDatabase, { from, until, reverse, limit }: DiskRange): StateEntry[] {
    const low = from.length > 0 ? from : leastKey;
    if (until && Buffer.compare(low, until) >= 0) return [];
    const range = reverse
      ? { ...(until && { start: until, exclusiveStart: true }), end: low, inclusiveEnd: true, reverse, limit }
      : { start: low, ...(until && { end: until }), limit };
    return this.#damage.guard(() => [...this.#sound(rows.getRange(range), reverse)]);
  }

  /** The rows behind a key, or all, as a transaction sees them. Throws StoreError `damaged` at any step. */
  *after(rows: ByteDatabase, after: Uint8Array | undefined, transaction: Transaction): Generator<StateEntry> {
    const start = after === undefined ? { start: leastKey } : { start: after, exclusiveStart: true };
    if (this.#damage.found !== undefined) throw this.#damage.found;
    try {
      yield* this.#sound(rows.getRange({ ...start, transaction }), false);
    } catch (error) {
      throw this.#damage.noted(error);
    }
  }

  *#sound(
    found: Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }>,
    reverse: boolean,
  ): Generator<StateEntry> {
    const { place } = this.#damage;
    let before: Uint8Array | undefined;
    for (const { key, value } of found) {
      const order = before && Buffer.compare(before, key) * (reverse ? -1 : 1);
      if (order !== undefined && order >= 0)
        throw damagedStore(place, `the row of key ${keyText(key)} of the state stands in a wrong place`);
      before = key;
      yield [key, unsealRow(place, key, value)];
    }
  }

  #checkNeighbours(rows: ByteDatabase, key: Uint8Array): void {
    for (const reverse of [false, true])
      for (const neighbour of rows.getRange({ start: key, reverse, limit: 1 }))
        unsealRow(this.#damage.place, neighbour.key, neighbour.value);
  }

  #mayLook(): boolean {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#missesLeft = missesPerSecond;
    }
    return this.#missesLeft-- > 0;
  }
}
