import type { OrderedMap } from "@synod/core";
import { serviceEnd, servicePrefix } from "./layout.js";
import { commandLimits } from "./limits.js";
import { type PendingWrite, WriteSet } from "./write-set.js";

/** A range of a service's keys, in byte order. */
export interface ServiceRange {
  /** First key, included; absent means from the first. */
  readonly from?: Uint8Array | undefined;
  /** End, excluded; absent means to the last. */
  readonly until?: Uint8Array | undefined;
  readonly limit?: number | undefined;
  readonly reverse?: boolean | undefined;
}

/** What a query sees: the keys of its own service. Arrays handed out must not be changed. */
export interface ReadTransaction {
  get(key: Uint8Array): Uint8Array | undefined;
  /** Sees the writes made before the call, not those made while it is walked. */
  range(range?: ServiceRange): Iterable<readonly [key: Uint8Array, value: Uint8Array]>;
}

/** What a command sees, its own writes included. All of them happen, or, if it fails, none. */
export interface Transaction extends ReadTransaction {
  /** Arrays handed in must not be changed afterwards. */
  put(key: Uint8Array, value: Uint8Array): void;
  delete(key: Uint8Array): void;
}

/** More written, or longer keys or values, than one command may. */
export class CommandLimitExceeded extends Error {
  override readonly name = "CommandLimitExceeded";
}

/** The part of the map that belongs to a service. */
export interface ServiceSpace {
  readonly prefix: Uint8Array;
  readonly end: Uint8Array;
}

export function serviceSpace(service: string): ServiceSpace {
  return { prefix: servicePrefix(service), end: serviceEnd(service) };
}

/**
 * The transaction of one command or query. Writes wait in memory until the engine takes them, so undoing is forgetting.
 * After `close`, every use throws: a handler that kept it cannot write into a later command.
 */
export class EngineTransaction implements Transaction {
  readonly #state: OrderedMap;
  readonly #space: ServiceSpace;
  readonly #writable: boolean;
  readonly #pending = new WriteSet();
  #writtenBytes = 0;
  #open = true;
  #stateError: { readonly error: unknown } | undefined;

  constructor(state: OrderedMap, space: ServiceSpace, writable: boolean) {
    this.#state = state;
    this.#space = space;
    this.#writable = writable;
  }

  /** Set when the map itself failed: that is no answer to a command, even if the handler caught it. */
  get stateError(): { readonly error: unknown } | undefined {
    return this.#stateError;
  }

  get pending(): readonly PendingWrite[] {
    return this.#pending.list;
  }

  close(): void {
    this.#open = false;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const stateKey = this.#stateKey(key);
    const own = this.#pending.find(stateKey);
    if (own !== undefined) return own.value;
    try {
      return this.#state.get(stateKey);
    } catch (error) {
      this.#stateError = { error };
      throw error;
    }
  }

  put(key: Uint8Array, value: Uint8Array): void {
    if (!(value instanceof Uint8Array))
      throw new TypeError(`value: expected a Uint8Array, found ${typeof value}`);
    if (value.length > commandLimits.maxValueBytes) {
      throw new CommandLimitExceeded(
        `a value of ${value.length} bytes was put; expected at most ${commandLimits.maxValueBytes}`,
      );
    }
    this.#write(key, value);
  }

  delete(key: Uint8Array): void {
    this.#write(key, undefined);
  }

  range(range: ServiceRange = {}): Iterable<readonly [Uint8Array, Uint8Array]> {
    const { prefix, end } = this.#space;
    const from =
      range.from === undefined ? prefix : this.#stateKey(range.from, commandLimits.maxKeyBytes + 1);
    const until =
      range.until === undefined ? end : this.#stateKey(range.until, commandLimits.maxKeyBytes + 1);
    this.#assertOpen();
    const { limit = Number.POSITIVE_INFINITY, reverse = false } = range;
    const own = this.pending
      .filter(({ key }) => Buffer.compare(key, from) >= 0 && Buffer.compare(key, until) < 0)
      .sort((a, b) => (reverse ? Buffer.compare(b.key, a.key) : Buffer.compare(a.key, b.key)));
    return this.#walk(from, until, limit, reverse, own);
  }

  *#walk(
    from: Uint8Array,
    until: Uint8Array,
    limit: number,
    reverse: boolean,
    own: readonly PendingWrite[],
  ): Generator<readonly [Uint8Array, Uint8Array]> {
    let left = limit;
    if (left <= 0 || Buffer.compare(from, until) >= 0) return;
    const stored = this.#stored({
      from,
      until,
      reverse,
      limit: own.length === 0 && limit !== Number.POSITIVE_INFINITY ? limit : undefined,
    });
    for (const { key, value } of merged(stored, own, reverse)) {
      this.#assertOpen();
      if (value === undefined) continue;
      yield [key.subarray(this.#space.prefix.length), value];
      if (--left <= 0) return;
    }
  }

  *#stored(range: Parameters<OrderedMap["range"]>[0]): Generator<PendingWrite> {
    try {
      for (const [key, value] of this.#state.range(range)) yield { key, value };
    } catch (error) {
      this.#stateError = { error };
      throw error;
    }
  }

  #write(key: Uint8Array, value: Uint8Array | undefined): void {
    if (!this.#writable)
      throw new Error("a query cannot write: expected only get and range; make it a command");
    const stateKey = this.#stateKey(key);
    this.#pending.add({ key: stateKey, value });
    this.#writtenBytes += key.length + (value?.length ?? 0);
    const { maxWrites, maxWrittenBytes } = commandLimits;
    if (this.pending.length > maxWrites || this.#writtenBytes > maxWrittenBytes) {
      throw new CommandLimitExceeded(
        `the command wrote more than ${maxWrites} keys or ${maxWrittenBytes} bytes; write less at a time`,
      );
    }
  }

  #stateKey(key: Uint8Array, maxBytes: number = commandLimits.maxKeyBytes): Uint8Array {
    this.#assertOpen();
    if (!(key instanceof Uint8Array)) throw new TypeError(`key: expected a Uint8Array, found ${typeof key}`);
    if (key.length > maxBytes) {
      throw new CommandLimitExceeded(`a key of ${key.length} bytes was used; expected at most ${maxBytes}`);
    }
    const { prefix } = this.#space;
    const stateKey = Buffer.allocUnsafe(prefix.length + key.length);
    stateKey.set(prefix);
    stateKey.set(key, prefix.length);
    return stateKey;
  }

  #assertOpen(): void {
    if (!this.#open) throw new Error("the transaction has ended: use it only while the handler runs");
  }
}

/** Both sorted the same way; where keys are equal, the own write stands for the stored one. */
function* merged(
  stored: Iterable<PendingWrite>,
  own: readonly PendingWrite[],
  reverse: boolean,
): Generator<PendingWrite> {
  let next = 0;
  for (const entry of stored) {
    let order = -1;
    for (let write = own[next]; write !== undefined; write = own[++next]) {
      order = Buffer.compare(write.key, entry.key) * (reverse ? -1 : 1);
      if (order > 0) break;
      yield write;
      if (order === 0) {
        next++;
        break;
      }
    }
    if (order !== 0) yield entry;
  }
  yield* own.slice(next);
}
