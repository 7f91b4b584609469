import type { KeyKind, KeyPart } from "./key.js";
import type { LeadingOf } from "./method-types.js";

declare const keyType: unique symbol;
declare const inType: unique symbol;
declare const outType: unique symbol;

/** A table of a service: rows of one message type, sorted by a typed key. Made by `replicatedService(…).table`. */
export interface Table<K extends readonly KeyPart[], In, Out> {
  readonly name: string;
  readonly keyKinds: readonly KeyKind[];
  /** Full name of the values' message. */
  readonly message: string;
  readonly [keyType]?: K;
  readonly [inType]?: In;
  readonly [outType]?: Out;
}

export interface TableOptions<In, Out> {
  /**
   * Brings a value up to date that an earlier version of the service wrote, whenever it is read: deterministic, as
   * handlers are. Without it such values are read as they are.
   */
  readonly upgrade?: (value: Readonly<Out>, writtenBy: number) => In;
}

/** A table with what it was made with; the types are erased. */
export interface TableDefinition extends Table<readonly KeyPart[], unknown, unknown> {
  readonly upgrade: ((value: unknown, writtenBy: number) => unknown) | undefined;
}

export interface RangeOptions<K extends readonly KeyPart[]> {
  /** Rows whose key has these first parts. */
  readonly prefix?: LeadingOf<K>;
  /** Rows whose next part behind `prefix`, a text or bytes, begins like this. */
  readonly beginsWith?: string | Uint8Array;
  /** From this key or these first parts on, included. */
  readonly from?: LeadingOf<K>;
  /** Behind this key, which need not exist; with `reverse`, before it. For pages. */
  readonly after?: K;
  /** Up to this key or these first parts, excluded. */
  readonly until?: LeadingOf<K>;
  /** At most this many rows. Without it, a range of more than 10,000 rows ends the command. */
  readonly limit?: number;
  readonly reverse?: boolean;
}

/** A query's view: the tables of its own service. The rows that it gets must not be changed. */
export interface ReadTransaction {
  /** Undefined when there is no such row. */
  get<K extends readonly KeyPart[], In, Out>(
    table: Table<K, In, Out>,
    ...key: NoInfer<K>
  ): Readonly<Out> | undefined;
  /**
   * The row, or, when there is no such row, its message with nothing set: defaults, empty lists, and maps without a prototype,
   * in which no key is found that nobody put there. Throws for a message with required fields that is not there.
   */
  getOrEmpty<K extends readonly KeyPart[], In, Out>(
    table: Table<K, In, Out>,
    ...key: NoInfer<K>
  ): Readonly<Out>;
  /** Rows in the order of their keys. Sees the writes made before the call, not those made while it is walked. */
  range<K extends readonly KeyPart[], In, Out>(
    table: Table<K, In, Out>,
    options?: RangeOptions<NoInfer<K>>,
  ): Iterable<readonly [key: K, value: Readonly<Out>]>;
}

/** A command's view, its own writes included. All of its writes happen, or, if it fails, none. */
export interface Transaction extends ReadTransaction {
  put<K extends readonly KeyPart[], In, Out>(
    table: Table<K, In, Out>,
    key: NoInfer<K>,
    value: NoInfer<In>,
  ): void;
  delete<K extends readonly KeyPart[], In, Out>(table: Table<K, In, Out>, ...key: NoInfer<K>): void;
}
