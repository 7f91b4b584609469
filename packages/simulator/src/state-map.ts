import type { KeyRange, OrderedMap } from "@synod/core";
import { MemoryMap } from "@synod/state-machine";

export type Row = readonly [key: Uint8Array, value: Uint8Array];
/** Without a value the key was deleted. */
type Write = readonly [key: Uint8Array, value: Uint8Array | undefined];

const all: KeyRange = { from: new Uint8Array() };

/**
 * A replicated state over its disk: reads see every write at once. What was written since the last flush began is known,
 * so that a flush brings whole slots to disk and a crash takes back what it did not (rule 17).
 */
export class StateMap implements OrderedMap {
  #rows = new MemoryMap();
  #unflushed: Write[] = [];
  #flushing: readonly Write[] | undefined;
  #durable = new MemoryMap();

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#rows.get(key);
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#rows.put(key, value);
    this.#unflushed.push([key, value]);
  }

  delete(key: Uint8Array): void {
    this.#rows.delete(key);
    this.#unflushed.push([key, undefined]);
  }

  range(range: KeyRange): Iterable<Row> {
    return this.#rows.range(range);
  }

  get flushing(): boolean {
    return this.#flushing !== undefined;
  }

  beginFlush(): void {
    this.#flushing = this.#unflushed;
    this.#unflushed = [];
  }

  endFlush(): void {
    for (const [key, value] of this.#flushing ?? []) {
      if (value === undefined) this.#durable.delete(key);
      else this.#durable.put(key, value);
    }
    this.#flushing = undefined;
  }

  /** Only what is durable is left. */
  crash(): void {
    this.#flushing = undefined;
    this.#unflushed = [];
    this.#rows = mapOf(this.durableRows());
  }

  /** What is durable, in the order of keys. */
  durableRows(): readonly Row[] {
    return [...this.#durable.range(all)];
  }

  /** Another state takes the place of this one, on disk as well, at once and whole (rule 19). */
  replace(rows: readonly Row[]): void {
    this.#durable = mapOf(rows);
    this.crash();
  }
}

function mapOf(rows: readonly Row[]): MemoryMap {
  const map = new MemoryMap();
  for (const [key, value] of rows) map.put(key, value);
  return map;
}
