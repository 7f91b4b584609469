import type { RulingConfiguration } from "@synod/core";

/*
 * The layout of the one ordered map:
 *
 *   "a"                              the state's format; slot applied, commands executed, log time, hash
 *   "c" number                       the configuration with that number, and the first slot it rules
 *   "d" …, "e" …, "f" …              commands that wait for log time (due.ts)
 *   "h" slot                         this replica's own hash at a checkpoint (reports.ts)
 *   "n"                              what commands are executed on: engine and runtime (foundation.ts)
 *   "o" replica                      the last report of a replica
 *   "p"                              the trim point
 *   "q"                              how many bytes services may store
 *   "r" slot, replica                the hash that a replica reported for a slot
 *   "s" …                            sessions (core/src/session.ts)
 *   "t" service name, 0, key         what a service stored; no name holds a 0, so no service sees another's keys
 *   "u"                              at which slot replicas differ and nobody can judge, since when in log time
 *   "v" service name                 the version of a service in force (versions.ts)
 *   "w"                              the last slot that switched a version
 *   "x"                              how this replica differs from the others, if it does
 *   "y" slot                         what was decided about a slot that could not be executed (remedies.ts)
 */
export const appliedKey: Uint8Array = Buffer.from("a");
export const sessionPrefix: Uint8Array = Buffer.from("s");
export const trimPointKey: Uint8Array = Buffer.from("p");
export const quotaKey: Uint8Array = Buffer.from("q");
export const divergenceKey: Uint8Array = Buffer.from("x");
export const unjudgedKey: Uint8Array = Buffer.from("u");
export const foundationKey: Uint8Array = Buffer.from("n");
export const lastSwitchKey: Uint8Array = Buffer.from("w");
const configurationPrefix = "c";
const servicesPrefix = "t";

/** True when a key is one that a service stored. */
export function isServiceKey(key: Uint8Array): boolean {
  return key[0] === servicesPrefix.charCodeAt(0);
}

export function servicePrefix(service: string): Uint8Array {
  return Buffer.from(`${servicesPrefix}${service}\0`);
}

/** The end of a service's keys. */
export function serviceEnd(service: string): Uint8Array {
  return Buffer.from(`${servicesPrefix}${service}\x01`);
}

export interface Applied {
  readonly slot: number;
  readonly revision: number;
  readonly logTimeMs: number;
  /** Slots since the last checkpoint that call for another one. */
  readonly slotsSinceCheckpoint: number;
  /** Log time of services that catch up after a standstill (rule 35). */
  readonly catchUpTimeMs: number;
  /** The last slot that began spans of time (log-time.ts). */
  readonly timedSlot: number;
  /** Bytes of the commands decided since. */
  readonly bytesSinceCheckpoint: number;
  /** Keys and values that services have stored. */
  readonly stateBytes: number;
  readonly hash: Uint8Array;
}

/**
 * Of all that stands in the map. It stands first in the first row, and whoever finds another one reads no further. In format 2
 * and below configurations were JSON.
 */
export const stateFormat = 3;

/** The state is of a format that this build cannot read. The message says which, and what to do. */
export class OtherStateFormat extends Error {
  override readonly name = "OtherStateFormat";
}

const formatBytes = 1;
const appliedHeadBytes = formatBytes + 64;
const hashBytes = 32;

export function encodeApplied(applied: Applied): Uint8Array {
  const { slot, revision, slotsSinceCheckpoint, bytesSinceCheckpoint, stateBytes, hash } = applied;
  const { logTimeMs, catchUpTimeMs, timedSlot } = applied;
  const numbers = [slot, revision, logTimeMs, slotsSinceCheckpoint, bytesSinceCheckpoint, stateBytes];
  numbers.push(catchUpTimeMs, timedSlot);
  const bytes = Buffer.alloc(appliedHeadBytes + hash.length);
  bytes[0] = stateFormat;
  numbers.forEach((number, index) => {
    bytes.writeBigUInt64BE(BigInt(number), formatBytes + 8 * index);
  });
  bytes.set(hash, appliedHeadBytes);
  return bytes;
}

/** Throws OtherStateFormat unless it is of this format. */
export function decodeApplied(stored: Uint8Array): Applied {
  const bytes = Buffer.from(stored);
  if (bytes[0] !== stateFormat)
    throw new OtherStateFormat(
      `expected a state of format ${stateFormat}, found one of format ${bytes[0] ?? "none"}: another version of Synod ` +
        "wrote it; use that one",
    );
  if (bytes.length !== appliedHeadBytes + hashBytes)
    throw new OtherStateFormat(
      `expected ${appliedHeadBytes + hashBytes} bytes on what was applied, found ${bytes.length}: another build of ` +
        "Synod wrote it; use that one",
    );
  const number = (index: number) => Number(bytes.readBigUInt64BE(formatBytes + 8 * index));
  return {
    slot: number(0),
    revision: number(1),
    logTimeMs: number(2),
    slotsSinceCheckpoint: number(3),
    bytesSinceCheckpoint: number(4),
    stateBytes: number(5),
    catchUpTimeMs: number(6),
    timedSlot: number(7),
    hash: bytes.subarray(appliedHeadBytes),
  };
}

export function configurationKey(number: number): Uint8Array {
  return numberKey(configurationPrefix, number);
}

/** Sorts by number. */
function numberKey(prefix: string, number: number, rest = ""): Uint8Array {
  const bytes = Buffer.alloc(9);
  bytes.write(prefix);
  bytes.writeBigUInt64BE(BigInt(number), 1);
  return rest === "" ? bytes : Buffer.concat([bytes, Buffer.from(rest)]);
}

function rangeOf(prefix: string) {
  return { from: Buffer.from(prefix), until: Buffer.from([prefix.charCodeAt(0) + 1]) };
}

const checkpointPrefix = "h";
export const checkpointRange = rangeOf(checkpointPrefix);

export function checkpointKey(slot: number): Uint8Array {
  return numberKey(checkpointPrefix, slot);
}

const reportPrefix = "o";
export const reportRange = rangeOf(reportPrefix);

export function reportKey(replica: string): Uint8Array {
  return Buffer.from(reportPrefix + replica);
}

const reportedHashPrefix = "r";
export const reportedHashRange = rangeOf(reportedHashPrefix);

export function reportedHashKey(slot: number, replica: string): Uint8Array {
  return numberKey(reportedHashPrefix, slot, replica);
}

/** Of a key that begins with a letter and a slot. */
export function slotOfKey(key: Uint8Array): number {
  return Number(Buffer.from(key).readBigUInt64BE(1));
}

export function remedyKey(slot: number): Uint8Array {
  return numberKey("y", slot);
}

const versionPrefix = "v";
export const versionRange = rangeOf(versionPrefix);

export function versionKey(service: string): Uint8Array {
  return Buffer.from(versionPrefix + service);
}

export const configurationRange = rangeOf(configurationPrefix);

/**
 * The encoding of configurations in the state, which is that of the wire. Every replica writes the same bytes for the same
 * configuration: they go into the hash by which replicas are compared (rule 27).
 */
export interface ConfigurationCodec {
  encode(ruling: RulingConfiguration): Uint8Array;
  /** Throws unless it is a configuration. */
  decode(stored: Uint8Array): RulingConfiguration;
}
