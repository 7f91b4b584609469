import type { ByteTransaction } from "../engine/transaction.js";
import type { MessageCodec } from "./codec.js";
import { after, endOf, KeyCodec, type KeyPart } from "./key.js";
import type { RangeOptions, Table, TableDefinition, Transaction } from "./table.js";

const nothing = new Uint8Array(0);

/** A table of a loaded service. */
export interface BoundTable {
  readonly definition: TableDefinition;
  readonly keys: KeyCodec;
  readonly values: MessageCodec;
}

export function boundTable(definition: TableDefinition, values: MessageCodec): BoundTable {
  return { definition, keys: new KeyCodec(definition.name, definition.keyKinds), values };
}

/**
 * Typed rows over keys and values of bytes. A stored value is the version that wrote it, as a varint, and the message.
 * A query's is made over a transaction that cannot be written.
 */
export class TypedTransaction implements Transaction {
  readonly #bytes: ByteTransaction;
  readonly #tables: ReadonlyMap<object, BoundTable>;
  readonly #version: number;

  constructor(bytes: ByteTransaction, tables: ReadonlyMap<object, BoundTable>, version: number) {
    this.#bytes = bytes;
    this.#tables = tables;
    this.#version = version;
  }

  get<K extends readonly KeyPart[], In, Out>(table: Table<K, In, Out>, ...key: K): Readonly<Out> | undefined {
    const bound = this.#bound(table);
    const stored = this.#bytes.get(bound.keys.encode(key));
    return stored === undefined ? undefined : (this.#decode(bound, stored) as Out);
  }

  getOrEmpty<K extends readonly KeyPart[], In, Out>(table: Table<K, In, Out>, ...key: K): Readonly<Out> {
    // Decoded, as every row is, so that its objects are those of the realm.
    return this.get(table, ...key) ?? (this.#bound(table).values.decode(nothing) as Out);
  }

  put<K extends readonly KeyPart[], In, Out>(table: Table<K, In, Out>, key: K, value: In): void {
    const bound = this.#bound(table);
    this.#bytes.put(bound.keys.encode(key), encodeValue(this.#version, bound.values.encode(value)));
  }

  delete<K extends readonly KeyPart[], In, Out>(table: Table<K, In, Out>, ...key: K): void {
    this.#bytes.delete(this.#bound(table).keys.encode(key));
  }

  range<K extends readonly KeyPart[], In, Out>(
    table: Table<K, In, Out>,
    options: RangeOptions<K> = {},
  ): Iterable<readonly [K, Readonly<Out>]> {
    const bound = this.#bound(table);
    const { limit, reverse = false } = options;
    if (limit !== undefined && (!Number.isSafeInteger(limit) || limit < 0))
      throw new TypeError(`limit: expected a whole number, found ${limit}`);
    const bounds = boundsOf(bound.keys, options as RangeOptions<readonly KeyPart[]>);
    const entries = this.#bytes.range({ ...bounds, limit, reverse });
    return this.#rows(bound, entries) as Iterable<readonly [readonly KeyPart[], unknown]> as Iterable<
      readonly [K, Readonly<Out>]
    >;
  }

  *#rows(bound: BoundTable, entries: Iterable<readonly [Uint8Array, Uint8Array]>) {
    for (const [key, value] of entries) yield [bound.keys.decode(key), this.#decode(bound, value)] as const;
  }

  #bound(table: object): BoundTable {
    const bound = this.#tables.get(table);
    if (bound === undefined) {
      const { name } = table as { name?: unknown };
      throw new TypeError(
        `table ${String(name)} is not of this service: expected one made by its own table()`,
      );
    }
    return bound;
  }

  #decode({ definition, values }: BoundTable, stored: Uint8Array): unknown {
    const [version, start] = versionOf(stored);
    const value = values.decode(stored.subarray(start));
    if (version >= this.#version || definition.upgrade === undefined) return value;
    // Through the bytes, so that fields left out get their defaults.
    return values.decode(values.encode(definition.upgrade(value, version)));
  }
}

function boundsOf(
  keys: KeyCodec,
  given: RangeOptions<readonly KeyPart[]>,
): { from: Uint8Array; until: Uint8Array } {
  const { prefix = [], beginsWith, reverse = false } = given;
  const start = keys.leading(prefix, beginsWith);
  const whole = prefix.length === keys.kinds.length && beginsWith === undefined && prefix.length > 0;
  let from = start;
  let until = whole ? after(start) : endOf(start);
  const notBefore = (key: Uint8Array) => {
    if (Buffer.compare(key, from) > 0) from = key;
  };
  const before = (key: Uint8Array) => {
    if (Buffer.compare(key, until) < 0) until = key;
  };
  if (given.from !== undefined) notBefore(keys.leading(given.from));
  if (given.until !== undefined) before(keys.leading(given.until));
  if (given.after !== undefined) {
    const key = keys.encode(given.after);
    if (reverse) before(key);
    else notBefore(after(key));
  }
  return { from, until };
}

/** The message of a stored value, without the version that wrote it. */
export function messageOfStored(stored: Uint8Array): Uint8Array {
  const [, start] = versionOf(stored);
  return stored.subarray(start);
}

function encodeValue(version: number, message: Uint8Array): Uint8Array {
  if (version < 0x80) {
    const stored = Buffer.allocUnsafe(1 + message.length);
    stored[0] = version;
    stored.set(message, 1);
    return stored;
  }
  const head: number[] = [];
  let rest = version;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) head.push((rest % 0x80) | 0x80);
  return Buffer.concat([Buffer.from([...head, rest]), message]);
}

function versionOf(stored: Uint8Array): readonly [version: number, start: number] {
  let version = 0;
  let scale = 1;
  for (let at = 0; ; at++) {
    const byte = stored[at] ?? 0;
    version += (byte & 0x7f) * scale;
    if (byte < 0x80) return [version, at + 1];
    scale *= 0x80;
  }
}
