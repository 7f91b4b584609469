import { performance } from "node:perf_hooks";
import type { Transaction } from "lmdb";
import type { Damage } from "./damage.js";
import { type ByteDatabase, leastKey } from "./environment.js";
import { damagedStore } from "./error.js";
import type { DiskRange } from "./layered-map.js";
import { keyText, unsealRow } from "./seal.js";
import type { StateEntry } from "./snapshot.js";

/** Keys that are not found, and ranges, whose neighbours are looked at, in a second: it costs several times what the look-up costs. */
const looksPerSecond = 1_000;

/**
 * Reads rows of a state, each of which is sealed: nothing that was not written so is ever given. lmdb has no checksums, and
 * its search goes by the keys in the file: a key that changed there is not found any more, and a row in its place is; a range
 * ends at it, if it is beyond the range now. So the neighbours of what is not there, and of ranges, have to be sound as well,
 * as far as the time suffices.
 */
export class SealedRows {
  readonly #damage: Damage;
  #second = 0;
  #looksLeft = looksPerSecond;

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
  entries(rows: ByteDatabase, { from, until, reverse, limit, maxBytes }: DiskRange): StateEntry[] {
    const low = from.length > 0 ? from : leastKey;
    if (until && Buffer.compare(low, until) >= 0) return [];
    const range = reverse
      ? { ...(until && { start: until, exclusiveStart: true }), end: low, inclusiveEnd: true, reverse, limit }
      : { start: low, ...(until && { end: until }), limit };
    return this.#damage.guard(() => {
      const found: StateEntry[] = [];
      let bytes = 0;
      for (const entry of this.#sound(rows.getRange(range), reverse)) {
        found.push(entry);
        bytes += entry[0].length + entry[1].length;
        if (bytes >= maxBytes) break;
      }
      if (this.#mayLook()) this.#checkEnds(rows, found, reverse, low);
      return found;
    });
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

  /** Checks the neighbours: the row before the first that was found, and the row behind the last. */
  #checkEnds(rows: ByteDatabase, found: readonly StateEntry[], reverse: boolean, low: Uint8Array): void {
    const [first, last] = [found[0], found.at(-1)];
    if (first === undefined || last === undefined) {
      this.#checkNeighbours(rows, low);
      return;
    }
    this.#checkNext(rows, first[0], !reverse);
    this.#checkNext(rows, last[0], reverse);
  }

  #checkNext(rows: ByteDatabase, key: Uint8Array, reverse: boolean): void {
    for (const next of rows.getRange({ start: key, exclusiveStart: true, reverse, limit: 1 }))
      unsealRow(this.#damage.place, next.key, next.value);
  }

  #mayLook(): boolean {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#looksLeft = looksPerSecond;
    }
    return this.#looksLeft-- > 0;
  }
}
