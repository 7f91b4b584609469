import type { OrderedMap } from "@synod/core";

/*
 * Commands that wait for log time, in the replicated state:
 *
 *   "d" at, slot, index, number      service, method, id and request; keys sort in the order in which they run
 *   "e" service, 0, id               the key above of the command scheduled under this id
 */
export const dueRange = Object.freeze({ from: Buffer.from("d"), until: Buffer.from("e") });
const idPrefix = "e";

/** A command that waits. `atMs` is log time. */
export interface ScheduledCommand {
  readonly service: string;
  readonly method: string;
  /** Names it within its service; empty when nothing names it. */
  readonly id: string;
  readonly request: Uint8Array;
}

/** @param number tells apart what one command schedules */
export function dueKey(atMs: number, slot: number, index: number, number: number): Uint8Array {
  const key = Buffer.alloc(1 + 8 + 8 + 4 + 4);
  key.write("d");
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

/** When the next waiting command is due, in log time; undefined when none waits. */
export function nextDueMs(state: OrderedMap): number | undefined {
  for (const [key] of state.range({ ...dueRange, limit: 1 })) return atMsOf(key);
  return undefined;
}

/** What waits in a state that an engine starts on. */
export function scheduledIn(state: OrderedMap): { nextDueMs: number | undefined; count: number } {
  let first: number | undefined;
  let count = 0;
  for (const [key] of state.range(dueRange)) {
    first ??= atMsOf(key);
    count++;
  }
  return { nextDueMs: first, count };
}
