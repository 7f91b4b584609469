import { randomBytes } from "node:crypto";
import { type ByteReader, ByteWriter } from "./bytes.js";
import { StoreError } from "./error.js";
import { formatOf, readRecord, sealRecord, startRecord } from "./seal.js";

/** The owner of a store (rule 5). */
export interface StoreIdentity {
  /** The member's name. */
  readonly id: string;
  /** Drawn when the store was made: a store made anew never passes for the old one. */
  readonly store: string;
  /** The number of times that the store was opened, this time included. A count that falls betrays a disk rolled back. */
  readonly startCount: number;
  /** The cluster that first opened it; undefined until one has. */
  readonly clusterId: string | undefined;
}

export type StoreKind = "acceptor" | "replica";

/**
 * The format of a store. An acceptor's of format 1 had an encoding of the protocol's values of its own; in a replica's of
 * format 2 and below the rows of the state had no seals.
 */
export const storeFormats: Readonly<Record<StoreKind, number>> = { acceptor: 2, replica: 3 };
/** A format of a store that this version can tell whose it was. */
const highestFormat = Math.max(...Object.values(storeFormats));

/** A name for a new store: 32 hex digits. */
export function drawStoreId(): string {
  return randomBytes(16).toString("hex");
}

export const identityKey = Buffer.from("identity", "latin1");

export function encodeIdentity(kind: StoreKind, identity: StoreIdentity): Uint8Array {
  const writer = startRecord(new ByteWriter());
  writer.text(kind);
  writer.text(identity.id);
  writer.text(identity.store);
  writer.text(identity.clusterId ?? "");
  writer.integer(identity.startCount);
  return sealRecord(identityKey, writer, storeFormats[kind]);
}

/** Throws StoreError `format`, `damaged` or `foreign` (a store of another role). */
export function decodeIdentity(directory: string, kind: StoreKind, record: Uint8Array): StoreIdentity {
  const format = formatOf(record) ?? 0;
  // Beyond what any store of this version has, nothing can be read; within that, another role is the better answer.
  if (format < 1 || format > highestFormat) throw otherFormat(directory, kind, format);
  const read = (reader: ByteReader) => ({
    kind: reader.text(),
    id: reader.text(),
    store: reader.text(),
    clusterId: reader.text() || undefined,
    startCount: reader.integer(),
  });
  const found = readRecord({ directory, kind }, "the store's identity", identityKey, record, read, format);
  if (found.kind !== kind) {
    throw new StoreError(
      "foreign",
      directory,
      `expected the store of a ${kind}, found that of ${found.kind} ${found.id}. Give each process its own data directory`,
    );
  }
  if (format !== storeFormats[kind]) throw otherFormat(directory, kind, format);
  return { id: found.id, store: found.store, startCount: found.startCount, clusterId: found.clusterId };
}

function otherFormat(directory: string, kind: StoreKind, found: number): StoreError {
  const otherwise =
    kind === "replica" ? ", or empty the directory: the replica comes back by a snapshot of another one" : "";
  return new StoreError(
    "format",
    directory,
    `expected a store of format ${storeFormats[kind]}, found ${found}. Start the version of Synod that wrote it${otherwise}`,
  );
}

/** The identity after one more start. Throws StoreError `foreign` for another member or cluster. */
export function startedIdentity(
  directory: string,
  found: StoreIdentity,
  expected: { readonly id: string; readonly clusterId?: string | undefined },
): StoreIdentity {
  if (found.id !== expected.id) {
    throw new StoreError(
      "foreign",
      directory,
      `expected the store of ${expected.id}, found that of ${found.id}. Correct the id or the data directory`,
    );
  }
  const { clusterId } = expected;
  if (clusterId !== undefined && found.clusterId !== undefined && clusterId !== found.clusterId) {
    throw new StoreError(
      "foreign",
      directory,
      `expected a store of cluster ${clusterId}, found one of cluster ${found.clusterId}. ` +
        "Correct the cluster file or the data directory",
    );
  }
  return {
    id: found.id,
    store: found.store,
    startCount: found.startCount + 1,
    clusterId: found.clusterId ?? clusterId,
  };
}
