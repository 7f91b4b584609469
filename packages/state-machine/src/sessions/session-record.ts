import type { Command } from "@synod/core";
import { fingerprintBytes, requestFingerprint } from "./request-fingerprint.js";

/** The stored answer to a command. `response` is empty unless `status` is 0; `slot` decided the command. */
export interface StoredAnswer {
  readonly status: number;
  readonly message: string;
  readonly response: Uint8Array;
  readonly slot: number;
  /** More about a failure, for machines; absent when there is none, and on success. */
  readonly details?: Uint8Array | undefined;
}

/** A place in the log: the slot and the index in its batch. Both the name of a session and the time of its last use. */
export interface LogPosition {
  readonly slot: number;
  readonly index: number;
}

/** The record of a session, besides its answers. */
export interface SessionHead {
  readonly used: LogPosition;
  readonly acknowledged: number;
}

const WORD = 2 ** 32;
const positionBytes = 12;
const answerHeadBytes = fingerprintBytes + 8 + 1 + 4;

function writeWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

function readWord(bytes: Uint8Array, at: number): number {
  const high = (bytes[at] as number) * 0x1000000;
  return (
    high + (((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number))
  );
}

/** Big-endian, so that keys sort as their numbers do. */
function writeNumber(bytes: Uint8Array, at: number, value: number): void {
  writeWord(bytes, at, Math.floor(value / WORD));
  writeWord(bytes, at + 4, value >>> 0);
}

function readNumber(bytes: Uint8Array, at: number): number {
  return readWord(bytes, at) * WORD + readWord(bytes, at + 4);
}

/** A history of the log, from a backup on that a cluster was restored from. */
export interface Era {
  /** Its first slot is the one after this. */
  readonly above: number;
  /** Part of the names of sessions opened in it: letters and digits. */
  readonly name: string;
}

/** Keys: prefix, then 0 and the session for heads, 1, the session and the sequence for answers, or 2 and a slot for eras. */
export class SessionKeys {
  readonly #prefix: Uint8Array;

  constructor(prefix: Uint8Array) {
    this.#prefix = prefix;
  }

  head(session: LogPosition): Uint8Array {
    return this.#key(0, session, positionBytes);
  }

  answer(session: LogPosition, sequence: number): Uint8Array {
    const key = this.#key(1, session, positionBytes + 8);
    writeNumber(key, key.length - 8, sequence);
    return key;
  }

  era(above: number): Uint8Array {
    return this.#key(2, { slot: above, index: 0 }, positionBytes);
  }

  /** Where heads begin (0), answers begin (1), eras begin (2), and eras end (3). */
  bound(kind: 0 | 1 | 2 | 3): Uint8Array {
    const key = new Uint8Array(this.#prefix.length + 1);
    key.set(this.#prefix);
    key[this.#prefix.length] = kind;
    return key;
  }

  sessionOf(key: Uint8Array): LogPosition {
    const at = this.#prefix.length + 1;
    return { slot: readNumber(key, at), index: readWord(key, at + 8) };
  }

  sequenceOf(key: Uint8Array): number {
    return readNumber(key, key.length - 8);
  }

  #key(kind: number, session: LogPosition, tail: number): Uint8Array {
    const at = this.#prefix.length + 1;
    const key = new Uint8Array(at + tail);
    key.set(this.#prefix);
    key[at - 1] = kind;
    writeNumber(key, at, session.slot);
    writeWord(key, at + 8, session.index);
    return key;
  }
}

/** The row that begins an era. `prefix` is that of the table. */
export function eraRow(prefix: Uint8Array, { above, name }: Era): readonly [Uint8Array, Uint8Array] {
  const bytes = Uint8Array.from(name, (letter) => letter.charCodeAt(0));
  return [new SessionKeys(prefix).era(above), bytes];
}

export function decodeEraName(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

export function encodeHead(head: SessionHead): Uint8Array {
  const bytes = new Uint8Array(positionBytes + 8);
  writeNumber(bytes, 0, head.used.slot);
  writeWord(bytes, 8, head.used.index);
  writeNumber(bytes, positionBytes, head.acknowledged);
  return bytes;
}

export function decodeHead(bytes: Uint8Array): SessionHead {
  return {
    used: { slot: readNumber(bytes, 0), index: readWord(bytes, 8) },
    acknowledged: readNumber(bytes, positionBytes),
  };
}

const noBytes = new Uint8Array(0);

/**
 * The message is stored as UTF-16, which keeps any JavaScript string and needs no encoder. Last comes the response, or,
 * of a failure, which has none, the details.
 */
export function encodeAnswer(command: Command, answer: StoredAnswer): Uint8Array {
  const { message } = answer;
  const last = answer.status === 0 ? answer.response : (answer.details ?? noBytes);
  const bytes = new Uint8Array(answerHeadBytes + 2 * message.length + last.length);
  bytes.set(requestFingerprint(command));
  writeNumber(bytes, 8, answer.slot);
  bytes[16] = answer.status;
  writeWord(bytes, 17, message.length);
  let at = answerHeadBytes;
  for (let index = 0; index < message.length; index++, at += 2) {
    const unit = message.charCodeAt(index);
    bytes[at] = unit >>> 8;
    bytes[at + 1] = unit;
  }
  bytes.set(last, at);
  return bytes;
}

export function decodeAnswer(bytes: Uint8Array): StoredAnswer {
  const end = answerHeadBytes + 2 * readWord(bytes, 17);
  let message = "";
  for (let at = answerHeadBytes; at < end; at += 2) {
    message += String.fromCharCode(((bytes[at] as number) << 8) | (bytes[at + 1] as number));
  }
  const status = bytes[16] as number;
  const last = bytes.subarray(end);
  const slot = readNumber(bytes, 8);
  if (status === 0) return { status, message, response: last, slot };
  if (last.length === 0) return { status, message, response: noBytes, slot };
  return { status, message, response: noBytes, slot, details: last };
}

/** True when the stored answer was given to this very command: same service, method and request. */
export function answersCommand(stored: Uint8Array, command: Command): boolean {
  return requestFingerprint(command).every((byte, index) => byte === stored[index]);
}
