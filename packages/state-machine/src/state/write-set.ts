/** A write waiting for its command to succeed; without a value it deletes. */
export interface PendingWrite {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
}

/** Up to here looking through the list is cheaper than making a text of each key. */
const indexFrom = 8;

/** The last write to each key, in the order in which keys were first written. */
export class WriteSet {
  readonly #list: PendingWrite[] = [];
  #index: Map<string, number> | undefined;

  get list(): readonly PendingWrite[] {
    return this.#list;
  }

  find(key: Uint8Array): PendingWrite | undefined {
    return this.#list.length === 0 ? undefined : this.#list[this.#positionOf(key)];
  }

  add(write: PendingWrite): void {
    const position = this.#positionOf(write.key);
    if (position !== -1) {
      this.#list[position] = write;
      return;
    }
    this.#list.push(write);
    if (this.#index !== undefined) this.#index.set(textOf(write.key), this.#list.length - 1);
    else if (this.#list.length === indexFrom) {
      this.#index = new Map(this.#list.map(({ key }, at) => [textOf(key), at]));
    }
  }

  /** -1 when the key is not written. */
  #positionOf(key: Uint8Array): number {
    if (this.#index !== undefined) return this.#index.get(textOf(key)) ?? -1;
    return this.#list.findIndex((write) => Buffer.compare(write.key, key) === 0);
  }
}

/** One character a byte: equal exactly for equal keys. */
function textOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}
