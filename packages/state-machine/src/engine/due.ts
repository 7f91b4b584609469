import type { OrderedMap } from "@synod/core";
import type { AfterStandstill, LogTimes } from "./log-time.js";

/*
 * Commands that wait for log time, in the replicated state:
 *
 *   "d" at, slot, index, number      service, method, id and request; keys sort in the order in which they run
 *   "e" service, 0, id               the key, above or below, of the command scheduled under this id
 *   "f" at, slot, index, number      as "d", for services that catch up after a standstill: they have a time of their own
 */
const queues = Object.freeze({ resume: "d", "catch up": "f" } satisfies Record<AfterStandstill, string>);
const dueKinds = new Set(Object.values(queues).map((prefix) => prefix.charCodeAt(0)));
const idPrefix = "e";

function rangeOf(queue: AfterStandstill) {
  return { from: Buffer.from(queues[queue]), until: Buffer.from([queues[queue].charCodeAt(0) + 1]) };
}

/** The times at which the next commands are due, each in the log time of its kind of services; undefined where none waits. */
export type NextDue = { readonly [T in keyof LogTimes]: LogTimes[T] | undefined };

/** True when a key is one of a command that waits. */
export function isDueKey(key: Uint8Array): boolean {
  return dueKinds.has(key[0] as number);
}

/** True when a key is of a command that waits, or of an id that names one. */
export function isScheduleKey(key: Uint8Array): boolean {
  return isDueKey(key) || key[0] === idPrefix.charCodeAt(0);
}

/** A command that waits. `atMs` is log time. */
export interface ScheduledCommand {
  readonly service: string;
  readonly method: string;
  /** Names it within its service; empty when nothing names it. */
  readonly id: string;
  readonly request: Uint8Array;
}

/** @param number tells apart what one command schedules */
export function dueKey(
  queue: AfterStandstill,
  atMs: number,
  { slot, index }: { readonly slot: number; readonly index: number },
  number: number,
): Uint8Array {
  const key = Buffer.alloc(1 + 8 + 8 + 4 + 4);
  key.write(queues[queue]);
  key.writeBigUInt64BE(BigInt(atMs), 1);
  key.writeBigUInt64BE(BigInt(slot), 9);
  key.writeUInt32BE(index, 17);
  key.writeUInt32BE(number, 21);
  return key;
}

export function atMsOf(key: Uint8Array): number {
  return Number(Buffer.from(key.buffer, key.byteOffset, key.length).readBigUInt64BE(1));
}

export function idKey(service: string, id: string): Uint8Array {
  return Buffer.from(`${idPrefix}${service}\0${id}`);
}

export function encodeScheduled({ service, method, id, request }: ScheduledCommand): Uint8Array {
  const texts = Buffer.from(JSON.stringify([service, method, id]));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(texts.length);
  return Buffer.concat([head, texts, request]);
}

export function decodeScheduled(stored: Uint8Array): ScheduledCommand {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.length);
  const end = 4 + bytes.readUInt32BE(0);
  const [service, method, id] = JSON.parse(bytes.toString("utf8", 4, end)) as [string, string, string];
  return { service, method, id, request: bytes.subarray(end) };
}

export function nextDue(state: OrderedMap): NextDue {
  const first = (queue: AfterStandstill) => {
    for (const [key] of state.range({ ...rangeOf(queue), limit: 1 })) return atMsOf(key);
    return undefined;
  };
  return { resumeMs: first("resume"), catchUpMs: first("catch up") };
}

/** True when something is due at these times. */
export function isDue(next: NextDue, { resumeMs, catchUpMs }: LogTimes): boolean {
  return (
    (next.resumeMs !== undefined && next.resumeMs <= resumeMs) ||
    (next.catchUpMs !== undefined && next.catchUpMs <= catchUpMs)
  );
}

/**
 * The keys of what is due at these times, at most `limit`, in the order in which it runs: by time within each kind of services,
 * and in turns between the two, so that neither keeps the other waiting.
 */
export function dueKeys(state: OrderedMap, { resumeMs, catchUpMs }: LogTimes, limit: number): Uint8Array[] {
  const queued = [dueIn(state, "resume", resumeMs, limit), dueIn(state, "catch up", catchUpMs, limit)];
  const keys: Uint8Array[] = [];
  for (let index = 0; index < limit; index++) {
    const next = queued.flatMap((queue) => queue[index] ?? []);
    if (next.length === 0) break;
    keys.push(...next);
  }
  return keys.slice(0, limit);
}

function dueIn(state: OrderedMap, queue: AfterStandstill, ms: number, limit: number): Uint8Array[] {
  const keys: Uint8Array[] = [];
  // Requests may be large: of each row only the key is kept.
  for (const [key] of state.range({ ...rangeOf(queue), limit })) {
    if (atMsOf(key) > ms) break;
    keys.push(key);
  }
  return keys;
}

/** Everything that waits in a state, in the order in which it runs. */
export function* scheduledIn(state: OrderedMap): Generator<readonly [key: Uint8Array, value: Uint8Array]> {
  for (const queue of ["resume", "catch up"] as const) yield* state.range(rangeOf(queue));
}
