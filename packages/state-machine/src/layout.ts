import type { Configuration, Member, RulingConfiguration } from "@synod/core";

/*
 * Where things stand in the one ordered map:
 *
 *   "a"                              slot applied, commands executed, log time, hash
 *   "c" number                       the configuration with that number, and the first slot it rules
 *   "d" …, "e" …                     commands that wait for log time (due.ts)
 *   "s" …                            sessions (core/src/session.ts)
 *   "t" service name, 0, key         what a service stored; no name holds a 0, so no service sees another's keys
 */
export const appliedKey: Uint8Array = Buffer.from("a");
export const sessionPrefix: Uint8Array = Buffer.from("s");
const configurationPrefix = "c";

export function servicePrefix(service: string): Uint8Array {
  return Buffer.from(`t${service}\0`);
}

/** Where a service's keys end. */
export function serviceEnd(service: string): Uint8Array {
  return Buffer.from(`t${service}\x01`);
}

export interface Applied {
  readonly slot: number;
  readonly revision: number;
  readonly logTimeMs: number;
  readonly hash: Uint8Array;
}

const appliedHeadBytes = 24;

export function encodeApplied({ slot, revision, logTimeMs, hash }: Applied): Uint8Array {
  const bytes = Buffer.alloc(appliedHeadBytes + hash.length);
  bytes.writeBigUInt64BE(BigInt(slot), 0);
  bytes.writeBigUInt64BE(BigInt(revision), 8);
  bytes.writeBigUInt64BE(BigInt(logTimeMs), 16);
  bytes.set(hash, appliedHeadBytes);
  return bytes;
}

export function decodeApplied(stored: Uint8Array): Applied {
  const bytes = Buffer.from(stored);
  return {
    slot: Number(bytes.readBigUInt64BE(0)),
    revision: Number(bytes.readBigUInt64BE(8)),
    logTimeMs: Number(bytes.readBigUInt64BE(16)),
    hash: bytes.subarray(appliedHeadBytes),
  };
}

export function configurationKey(number: number): Uint8Array {
  const bytes = Buffer.alloc(9);
  bytes.write(configurationPrefix);
  bytes.writeBigUInt64BE(BigInt(number), 1);
  return bytes;
}

export const configurationRange = {
  from: Buffer.from(configurationPrefix),
  until: Buffer.from("d"),
};

/** Field by field, so that the bytes do not depend on the order in which a codec set the properties. */
export function encodeConfiguration({ from, configuration }: RulingConfiguration): Uint8Array {
  const member = ({ id, address }: Member) => ({ id, address });
  const plain: Configuration = {
    number: configuration.number,
    predecessor: configuration.predecessor,
    acceptors: configuration.acceptors.map((acceptor) => ({ ...member(acceptor), store: acceptor.store })),
    leaders: configuration.leaders.map(member),
    replicas: configuration.replicas.map(member),
  };
  return Buffer.from(JSON.stringify({ from, configuration: plain }));
}

export function decodeConfiguration(stored: Uint8Array): RulingConfiguration {
  return JSON.parse(Buffer.from(stored).toString()) as RulingConfiguration;
}
