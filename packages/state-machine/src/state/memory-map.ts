import type { KeyRange, OrderedMap } from "@synod/core";

/** An ordered map in memory: a sorted list of keys, and their values. */
export class MemoryMap implements OrderedMap {
  readonly #keys: string[] = [];
  readonly #entries = new Map<string, readonly [Uint8Array, Uint8Array]>();

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#entries.get(textOf(key))?.[1];
  }

  put(key: Uint8Array, value: Uint8Array): void {
    const text = textOf(key);
    if (!this.#entries.has(text)) this.#keys.splice(this.#position(text), 0, text);
    this.#entries.set(text, [key, value]);
  }

  delete(key: Uint8Array): void {
    const text = textOf(key);
    if (this.#entries.delete(text)) this.#keys.splice(this.#position(text), 1);
  }

  *range({ from, until, limit, reverse = false }: KeyRange): Generator<readonly [Uint8Array, Uint8Array]> {
    const end = until === undefined ? this.#keys.length : this.#position(textOf(until));
    const keys = this.#keys.slice(this.#position(textOf(from)), end);
    if (reverse) keys.reverse();
    for (const key of limit === undefined ? keys : keys.slice(0, limit))
      yield this.#entries.get(key) as readonly [Uint8Array, Uint8Array];
  }

  /** Of the first key that is not below. */
  #position(text: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] as string) < text) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** One character a byte: sorts as the bytes do. */
function textOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}
