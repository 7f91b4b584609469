import { statfsSync } from "node:fs";

/**
 * The reasons why a store cannot be used:
 * - `missing`: there is no store in the directory.
 * - `occupied`: a store was to be made in a directory that is not empty.
 * - `foreign`: the files belong to another member, role or cluster, or are not Synod's.
 * - `format`: the store was written by another version of Synod.
 * - `damaged`: a record does not pass its checksum, or the database cannot be read.
 * - `owned`: another process has the store open.
 * - `failed`: a read, write or sync of the disk failed; the process must end (rule 4).
 */
export type StoreErrorReason = "missing" | "occupied" | "foreign" | "format" | "damaged" | "owned" | "failed";

/** A store cannot be used. The message says what was expected, what was found, and what to do. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly reason: StoreErrorReason;
  readonly directory: string;

  constructor(reason: StoreErrorReason, directory: string, message: string, cause?: unknown) {
    super(`${directory}: ${message}`, cause === undefined ? undefined : { cause });
    this.reason = reason;
    this.directory = directory;
  }
}

/** Whose store it is, and where: what there is to do about it depends on both. */
export interface StorePlace {
  readonly directory: string;
  readonly kind: "acceptor" | "replica";
}

const remedies: Readonly<Record<StorePlace["kind"], string>> = {
  acceptor:
    "Do not repair it by hand, and do not let it vote again: it may have forgotten what it promised. Replace this member, " +
    "with a new store",
  replica:
    "Do not repair it by hand: empty this directory and start the replica again, and it comes back by a snapshot of another one",
};

/** The error of a store whose bytes are not those that were written. `found` names the record and the fault. */
export function damagedStore({ directory, kind }: StorePlace, found: string, cause?: unknown): StoreError {
  return new StoreError("damaged", directory, `${found}. ${remedies[kind]}`, cause);
}

/** lmdb's own words for a database that cannot be: MDB_PAGE_NOTFOUND, MDB_CORRUPTED, MDB_PANIC, MDB_VERSION_MISMATCH, MDB_INVALID. */
const unsoundCodes = new Set([-30797, -30796, -30795, -30794, -30793]);

/** The damage that lmdb found in its file; undefined for any other error. */
export function foundUnsound(cause: unknown): string | undefined {
  const { code } = cause as { code?: unknown };
  return typeof code === "number" && unsoundCodes.has(code)
    ? `the database is damaged (${reasonOf(cause)})`
    : undefined;
}

/** With less room than a commit of some slots takes, a disk counts as full. */
const fullBytes = 128 << 10;

/** The words of any caught value, for the end of a message. */
export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** A read, write or sync failed. What is in memory, the page cache included, is not to be trusted any more (rule 4). */
export function storeFailure(directory: string, action: string, cause: unknown): StoreError {
  return new StoreError(
    "failed",
    directory,
    `${action} failed (${reasonOf(cause)}${fullness(directory)}); nothing that rests on it may be answered. ` +
      "Check the disk (health, free space, permissions), then start the process again",
    cause,
  );
}

/** A write that a full disk took in part lmdb calls an input/output error; whoever reads that should not look elsewhere. */
function fullness(directory: string): string {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize < fullBytes ? "; no space is left on the disk" : "";
  } catch {
    return "";
  }
}
