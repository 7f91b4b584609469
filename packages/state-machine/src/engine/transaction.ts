import type { OrderedMap } from "@synod/core";
import { serviceEnd, servicePrefix } from "../state/layout.js";
import { type PendingWrite, WriteSet } from "../state/write-set.js";
import { dueKey, encodeScheduled, idKey } from "./due.js";
import { commandLimits, timeLimits } from "./limits.js";
import type { AfterStandstill } from "./log-time.js";
import type { Scheduling } from "./scheduling.js";

/** A range of a service's keys, in byte order. */
export interface ServiceRange {
  /** First key, included; absent means from the first. */
  readonly from?: Uint8Array | undefined;
  /** End, excluded; absent means to the last. */
  readonly until?: Uint8Array | undefined;
  readonly limit?: number | undefined;
  readonly reverse?: boolean | undefined;
}

/** A query's view: the keys of its own service. Arrays handed out must not be changed. */
export interface ByteReadTransaction {
  get(key: Uint8Array): Uint8Array | undefined;
  /** Sees the writes made before the call, not those made while it is walked. */
  range(range?: ServiceRange): Iterable<readonly [key: Uint8Array, value: Uint8Array]>;
}

/** A command's view, its own writes included. All of its writes happen, or, if it fails, none. */
export interface ByteTransaction extends ByteReadTransaction {
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
  readonly service: string;
  readonly prefix: Uint8Array;
  readonly end: Uint8Array;
}

export function serviceSpace(service: string): ServiceSpace {
  return { service, prefix: servicePrefix(service), end: serviceEnd(service) };
}

/**
 * The transaction of one command or query. Writes wait in memory until the engine takes them, so undoing is forgetting.
 * After `close`, every use throws: a handler that kept it cannot write into a later command.
 */
export class EngineTransaction implements ByteTransaction {
  readonly #state: OrderedMap;
  readonly #space: ServiceSpace;
  readonly #writable: boolean;
  readonly #pending = new WriteSet();
  #writtenBytes = 0;
  #rangeRows = 0;
  #readBytes = 0;
  #scheduledBefore = 0;
  #scheduled = 0;
  #schedulings = 0;
  #open = true;
  #stateError: { readonly error: unknown } | undefined;
  #exceeded: CommandLimitExceeded | undefined;

  /** @param scheduled commands that wait already, of all services */
  constructor(state: OrderedMap, space: ServiceSpace, writable: boolean, scheduled = 0) {
    this.#state = state;
    this.#space = space;
    this.#writable = writable;
    this.#scheduledBefore = scheduled;
  }

  /** The number of commands that wait after this one, less those that waited before it. */
  get scheduled(): number {
    return this.#scheduled;
  }

  /** Counted for what was read. */
  get readBytes(): number {
    return this.#readBytes;
  }

  /** Set when the map itself failed: that is no answer to a command, even if the handler caught it. */
  get stateError(): { readonly error: unknown } | undefined {
    return this.#stateError;
  }

  /** Set when a limit was passed: then the command has failed, even if the handler caught it. */
  get exceeded(): CommandLimitExceeded | undefined {
    return this.#exceeded;
  }

  get pending(): readonly PendingWrite[] {
    return this.#pending.list;
  }

  close(): void {
    this.#open = false;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#read(this.#stateKey(key));
  }

  put(key: Uint8Array, value: Uint8Array): void {
    if (!(value instanceof Uint8Array))
      throw new TypeError(`value: expected a Uint8Array, found ${typeof value}`);
    if (value.length > commandLimits.maxValueBytes) {
      this.#exceed(
        `a value of ${value.length} bytes was put; expected at most ${commandLimits.maxValueBytes}`,
      );
    }
    this.#write(key, value);
  }

  delete(key: Uint8Array): void {
    this.#write(key, undefined);
  }

  /** Has a command of this service run at a place in log time; one under the same id takes the place of the last. */
  schedule(
    { atMs, method, request, id = "" }: Scheduling,
    queue: AfterStandstill,
    place: { readonly slot: number; readonly index: number },
  ): void {
    this.#assertWritable();
    this.#assertOpen();
    const { service } = this.#space;
    if (!Number.isSafeInteger(atMs) || atMs < 0)
      throw new TypeError(`at: expected a Date from 1970 on, found ${atMs} ms`);
    if (id.length > timeLimits.maxIdLength)
      this.#exceed(
        `an id of ${id.length} characters was scheduled; expected at most ${timeLimits.maxIdLength}`,
      );
    if (id !== "") this.unschedule(id);
    const key = dueKey(queue, atMs, place, this.#schedulings++);
    this.#add(key, encodeScheduled({ service, method, id, request }));
    if (id !== "") this.#add(idKey(service, id), key);
    if (this.#scheduledBefore + ++this.#scheduled > timeLimits.maxScheduled)
      this.#exceed(`${timeLimits.maxScheduled} commands are scheduled already`);
  }

  /** Nothing happens when none is scheduled under this id. */
  unschedule(id: string): void {
    this.#assertWritable();
    this.#assertOpen();
    const key = idKey(this.#space.service, id);
    const scheduled = this.#read(key);
    if (scheduled === undefined) return;
    this.#add(scheduled, undefined);
    this.#add(key, undefined);
    this.#scheduled--;
  }

  range(range: ServiceRange = {}): Iterable<readonly [Uint8Array, Uint8Array]> {
    const { prefix, end } = this.#space;
    const from =
      range.from === undefined ? prefix : this.#stateKey(range.from, commandLimits.maxKeyBytes + 1);
    const until =
      range.until === undefined ? end : this.#stateKey(range.until, commandLimits.maxKeyBytes + 1);
    this.#assertOpen();
    // One more than may come, so that the one too many is met.
    const { limit = commandLimits.maxRangeRows + 1, reverse = false } = range;
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
      limit: own.length === 0 && Number.isFinite(limit) ? limit : undefined,
    });
    for (const { key, value } of merged(stored, own, reverse)) {
      this.#assertOpen();
      if (value === undefined) continue;
      this.#countRow();
      this.#countRead(key, value);
      yield [key.subarray(this.#space.prefix.length), value];
      if (--left <= 0) return;
    }
  }

  #countRow(): void {
    const { maxRangeRows } = commandLimits;
    if (++this.#rangeRows > maxRangeRows)
      this.#exceed(`ranges gave more than ${maxRangeRows} rows; name a limit or a narrower prefix`);
  }

  #countRead(key: Uint8Array, value: Uint8Array | undefined): void {
    const { maxReadBytes, readRowBytes } = commandLimits;
    this.#readBytes += readRowBytes + key.length + (value?.length ?? 0);
    if (this.#readBytes > maxReadBytes)
      this.#exceed(`the command read more than ${maxReadBytes} bytes; read less at a time`);
  }

  #read(stateKey: Uint8Array): Uint8Array | undefined {
    const own = this.#pending.find(stateKey);
    if (own !== undefined) return own.value;
    const value = this.#asked(() => this.#state.get(stateKey));
    this.#countRead(stateKey, value);
    return value;
  }

  *#stored(range: Parameters<OrderedMap["range"]>[0]): Generator<PendingWrite> {
    const entries = this.#asked(() => this.#state.range(range)[Symbol.iterator]());
    let ended = false;
    try {
      for (;;) {
        const next = this.#asked(() => entries.next());
        ended = next.done === true;
        if (next.done === true) return;
        yield { key: next.value[0], value: next.value[1] };
      }
    } finally {
      if (!ended) entries.return?.();
    }
  }

  /** Does work on the map. Its errors stay the map's own, whatever the handler makes of them. */
  #asked<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      this.#stateError = { error };
      throw error;
    }
  }

  #exceed(message: string): never {
    const error = new CommandLimitExceeded(message);
    this.#exceeded ??= error;
    throw error;
  }

  #assertWritable(): void {
    if (!this.#writable)
      throw new Error("a query cannot write: expected only get and range; make it a command");
  }

  #write(key: Uint8Array, value: Uint8Array | undefined): void {
    this.#assertWritable();
    this.#add(this.#stateKey(key), value);
  }

  #add(stateKey: Uint8Array, value: Uint8Array | undefined): void {
    this.#pending.add({ key: stateKey, value });
    this.#writtenBytes += stateKey.length - this.#space.prefix.length + (value?.length ?? 0);
    const { maxWrites, maxWrittenBytes } = commandLimits;
    if (this.pending.length > maxWrites || this.#writtenBytes > maxWrittenBytes) {
      this.#exceed(
        `the command wrote more than ${maxWrites} keys or ${maxWrittenBytes} bytes; write less at a time`,
      );
    }
  }

  #stateKey(key: Uint8Array, maxBytes: number = commandLimits.maxKeyBytes): Uint8Array {
    this.#assertOpen();
    if (!(key instanceof Uint8Array)) throw new TypeError(`key: expected a Uint8Array, found ${typeof key}`);
    if (key.length > maxBytes) {
      this.#exceed(`a key of ${key.length} bytes was used; expected at most ${maxBytes}`);
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
