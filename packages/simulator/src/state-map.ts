import type { KeyRange, OrderedMap } from "@synod/core";

export type Row = readonly [key: Uint8Array, value: Uint8Array];

/** Keys as text that sorts as their bytes do: one character a byte. */
function textOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}

/**
 * A replicated state over its disk: reads see every write at once. What was written since the last flush began is known,
 * so that a flush brings whole slots to disk and a crash takes back what it did not (rule 17).
 */
export class StateMap implements OrderedMap {
  #rows = new Map<string, Row>();
  #sorted: string[] = [];
  #unflushed = new Map<string, Row | undefined>();
  #flushing: ReadonlyMap<string, Row | undefined> | undefined;
  #durable = new Map<string, Row>();

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#rows.get(textOf(key))?.[1];
  }

  put(key: Uint8Array, value: Uint8Array): void {
    const text = textOf(key);
    if (!this.#rows.has(text)) this.#sorted.splice(this.#position(text), 0, text);
    const row: Row = [key, value];
    this.#rows.set(text, row);
    this.#unflushed.set(text, row);
  }

  delete(key: Uint8Array): void {
    const text = textOf(key);
    if (!this.#rows.delete(text)) return;
    this.#sorted.splice(this.#position(text), 1);
    this.#unflushed.set(text, undefined);
  }

  *range({ from, until, limit, reverse = false }: KeyRange): Generator<Row> {
    const end = until === undefined ? this.#sorted.length : this.#position(textOf(until));
    const texts = this.#sorted.slice(this.#position(textOf(from)), end);
    if (reverse) texts.reverse();
    for (const text of limit === undefined ? texts : texts.slice(0, limit)) {
      const row = this.#rows.get(text);
      if (row) yield row;
    }
  }

  get flushing(): boolean {
    return this.#flushing !== undefined;
  }

  beginFlush(): void {
    this.#flushing = this.#unflushed;
    this.#unflushed = new Map();
  }

  endFlush(): void {
    for (const [text, row] of this.#flushing ?? []) {
      if (row) this.#durable.set(text, row);
      else this.#durable.delete(text);
    }
    this.#flushing = undefined;
  }

  /** Only what is durable is left. */
  crash(): void {
    this.#flushing = undefined;
    this.#unflushed = new Map();
    this.#rows = new Map(this.#durable);
    this.#sorted = [...this.#durable.keys()].sort();
  }

  /** What is durable, in the order of keys. */
  durableRows(): readonly Row[] {
    return [...this.#durable.keys()].sort().map((text) => this.#durable.get(text) as Row);
  }

  /** Another state takes the place of this one, on disk as well, at once and whole (rule 19). */
  replace(rows: readonly Row[]): void {
    this.#durable = new Map(rows.map((row) => [textOf(row[0]), row]));
    this.crash();
  }

  /** Of the first key that is not below. */
  #position(text: string): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sorted[middle] as string) < text) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
