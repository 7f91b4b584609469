import { createRequire } from "node:module";

// A CommonJS module whose class is its `default`: imports of it differ between Node and bundlers, `require` does not.
const { default: BTree } = createRequire(import.meta.url)(
  "sorted-btree",
) as typeof import("sorted-btree", { with: { "resolution-mode": "require" }});

/** A key written in a layer; without a value it was deleted. */
export interface LayerEntry {
  readonly name: string;
  readonly key: Uint8Array;
  value: Uint8Array | undefined;
}

/** One decided slot, its value still encoded. */
export interface LogEntry {
  readonly slot: number;
  readonly value: Uint8Array;
}

/** A slot as the log keeps it. */
export interface LogRecord extends LogEntry {
  /** The stored bytes of all slots that came before it, so that those between any two slots are one subtraction. */
  readonly before: number;
}

/** The memory that a row takes besides its value, and twice its key: once as bytes, once as its name. Measured. */
const rowBytes = 512;
/** The memory that a slot of the log takes besides its value. */
const slotBytes = 192;
const latin1Slice = Buffer.prototype.latin1Slice;

/** A key as a text of one character per byte: compares as the bytes do, and can be looked up in a Map. */
export function nameOf(key: Uint8Array): string {
  return latin1Slice.call(key, 0, key.length);
}

/** The writes since one flush, up to the next: all of them go to disk in one transaction. */
export class Layer {
  readonly entries = new Map<string, LayerEntry>();
  readonly log: LogRecord[] = [];
  /** The log was trimmed below this slot; 0 when it was not. */
  trimmedBelow = 0;
  /** Keys in order, for ranges only: built at the first one, so that writing alone never pays for it. */
  #ordered: InstanceType<typeof BTree<string, LayerEntry>> | undefined;
  #unordered: LayerEntry[] = [];
  #bytes = 0;

  get empty(): boolean {
    return this.entries.size === 0 && this.log.length === 0 && this.trimmedBelow === 0;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Writes a value, or with `undefined` a deletion. */
  set(name: string, key: Uint8Array, value: Uint8Array | undefined): void {
    const entry = this.entries.get(name);
    if (entry) {
      this.#bytes += (value?.length ?? 0) - (entry.value?.length ?? 0);
      entry.value = value;
      return;
    }
    const added = { name, key, value };
    this.entries.set(name, added);
    this.#bytes += memoryOf(added);
    if (this.#ordered) this.#unordered.push(added);
  }

  /** Takes back whatever was written under a key. */
  forget(name: string): void {
    const entry = this.entries.get(name);
    if (!entry) return;
    this.entries.delete(name);
    this.#ordered?.delete(name);
    this.#bytes -= memoryOf(entry);
  }

  append(entry: LogRecord): void {
    this.log.push(entry);
    this.#bytes += entry.value.length + slotBytes;
  }

  /** The first entry after `name`, or at it when `included`. */
  after(name: string, included: boolean): LayerEntry | undefined {
    const ordered = this.#order();
    return (included ? ordered?.getPairOrNextHigher(name) : ordered?.nextHigherPair(name))?.[1];
  }

  /** The last entry before `name`; without a name the last of all. */
  before(name: string | undefined): LayerEntry | undefined {
    return this.#order()?.nextLowerPair(name)?.[1];
  }

  #order() {
    if (this.entries.size === 0) return undefined;
    if (!this.#ordered) {
      this.#ordered = new BTree<string, LayerEntry>(undefined, compareNames);
      this.#unordered = [...this.entries.values()].sort((a, b) => compareNames(a.name, b.name));
    }
    for (const entry of this.#unordered)
      if (this.entries.get(entry.name) === entry) this.#ordered.set(entry.name, entry);
    this.#unordered = [];
    return this.#ordered;
  }
}

function memoryOf({ key, value }: LayerEntry): number {
  return rowBytes + 2 * key.length + (value?.length ?? 0);
}

function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
