import { constants } from "node:fs";
import { mkdir, open as openFile, readdir } from "node:fs/promises";
import path from "node:path";
import type { Database, DatabaseOptions, RootDatabase, Transaction } from "lmdb";
import type { CommitDone } from "./commit-queue.js";
import { damagedStore, foundUnsound, StoreError, type StorePlace, storeFailure } from "./error.js";
import { markerFiles } from "./marker-files.js";
import { isOwnerSocket } from "./ownership.js";
import { checkDataFile } from "./preflight.js";

export type ByteDatabase = Database<Uint8Array, Uint8Array>;

const dataFile = "data.mdb";
const lockFile = "lock.mdb";
/** In the root of a mounted volume. */
const fileSystemsOwn = "lost+found";
/** The least key there is; lmdb takes an empty one for none, and lmdb-js starts at another unless told. */
export const leastKey = Uint8Array.of(0);

/**
 * Copies out of a buffer into a plain array. lmdb-js reads into buffers of its own, over and over the same; its copies
 * are Buffers, which are dear to make, so the view they are taken from is kept.
 */
class Copier {
  #source: Uint8Array | undefined;
  #view: Uint8Array = new Uint8Array();

  copy(source: Uint8Array, start: number, end: number): Uint8Array {
    if (this.#source !== source) {
      this.#source = source;
      this.#view = new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
    }
    return this.#view.slice(start, end);
  }
}

const keys = new Copier();
const keyEncoder = {
  writeKey(key: Uint8Array, target: Uint8Array, start: number): number {
    target.set(key, start);
    return start + key.length;
  },
  readKey: (source: Uint8Array, start: number, end: number) => keys.copy(source, start, end),
};

const values = new Copier();
const encoder = {
  encode: (value: Uint8Array) => value,
  decode: (value: Uint8Array) => values.copy(value, 0, value.length), // lmdb-js sets `length` to the value's
};

/** The part of lmdb's statistics that is used here, which lmdb-js does not type. */
interface Statistics {
  readonly entryCount: number;
  readonly lastPageNumber: number;
  readonly pageSize: number;
}

/** The number of entries of a database, without a look at any. */
export function entriesOf(database: ByteDatabase): number {
  return (database.getStats() as Statistics).entryCount;
}

/** The contents of a directory, as far as can be seen without opening anything. */
export async function lookInto(directory: string): Promise<"absent" | "empty" | "store" | "other"> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "absent";
    throw storeFailure(directory, "reading the data directory", error);
  }
  const files = names.filter(
    (name) => !isOwnerSocket(name) && !markerFiles.has(name) && name !== fileSystemsOwn,
  );
  if (files.length === 0) return "empty";
  return files.includes(dataFile) && files.every((name) => name === dataFile || name === lockFile)
    ? "store"
    : "other";
}

export function foreignFiles(directory: string): StoreError {
  return new StoreError(
    "foreign",
    directory,
    "expected a data directory of Synod, found other files. Name a directory that Synod made, or an empty one",
  );
}

/** Makes a directory and its parents, and has their names on disk before it returns. */
export async function makeDirectory(directory: string): Promise<void> {
  try {
    const first = await mkdir(directory, { recursive: true });
    if (first === undefined) return;
    const top = path.dirname(path.resolve(first));
    for (let at = path.resolve(directory); ; at = path.dirname(at)) {
      await syncDirectory(at);
      if (at === top) return;
    }
  } catch (error) {
    throw storeFailure(directory, "making the data directory", error);
  }
}

/** fsync of a directory: files made in it survive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await openFile(directory, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** One lmdb environment in a directory that this process owns. */
export class Environment {
  readonly place: StorePlace;
  readonly #root: RootDatabase<Uint8Array, Uint8Array>;

  private constructor(place: StorePlace, root: RootDatabase<Uint8Array, Uint8Array>) {
    this.place = place;
    this.#root = root;
  }

  get directory(): string {
    return this.place.directory;
  }

  /** Opens it, or makes it. `pageBytes` is fixed when it is made. Throws StoreError `damaged` or `failed`. */
  static async open(place: StorePlace, pageBytes: number): Promise<Environment> {
    const { directory } = place;
    await checkDataFile(place, path.join(directory, dataFile), path.join(directory, lockFile));
    // Here and not above: a leader has no store, and should not start slower for it.
    const { open } = await import("lmdb");
    try {
      const root = open<Uint8Array, Uint8Array>({
        path: directory,
        noSubdir: false, // or a directory with a dot in its name is taken for a file
        encoding: "binary",
        keyEncoding: "binary",
        maxDbs: 8,
        pageSize: pageBytes,
        // lmdb-js defaults to true on Linux: a commit is then visible before it is synced, stays so when the sync
        // fails, and is taken up again by the next process. With false: fdatasync of the pages, then the synced
        // write that makes them the current ones, then the promise resolves; a failure leaves the old state.
        overlappingSync: false,
      });
      return new Environment(place, root);
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (typeof code === "number" && code > 0) throw storeFailure(directory, "opening the database", error);
      throw unreadable(place, error);
    }
  }

  /** Undefined when there is none and `create` is false. */
  database(name: string, create: boolean): ByteDatabase | undefined {
    try {
      return this.#root.openDB<Uint8Array, Uint8Array>(name, {
        encoder,
        keyEncoder,
        create,
      } as DatabaseOptions);
    } catch (error) {
      throw unreadable(this.place, error);
    }
  }

  /** Bytes of the file that hold something, or did: lmdb never gives any back. */
  get usedBytes(): number {
    const { lastPageNumber, pageSize } = this.#root.getStats() as Statistics;
    return (lastPageNumber + 1) * pageSize;
  }

  /** True when not even a database was made in it. */
  get isBlank(): boolean {
    return this.#root.getKeysCount({ limit: 1 }) === 0;
  }

  /**
   * Puts and removes of `write`, at least one, in one transaction; `done` is told when it is on disk. `write` must
   * not throw: what it did before would be committed.
   */
  transact(write: () => void, done: CommitDone): void {
    let committed: Promise<boolean>;
    try {
      committed = this.#root.batch(write);
    } catch (error) {
      done(this.#writeFailure(error));
      return;
    }
    committed.then(
      () => {
        this.#root.resetReadTxn(); // reads from here on see this commit
        done();
      },
      async (error: { commitError?: Promise<unknown> }) => {
        // lmdb-js keeps the cause in a promise that nobody else handles: left alone, it would end the process with
        // lmdb's own words. It is rejected in the same turn as this, if at all.
        const cause = await Promise.race([
          Promise.resolve(error.commitError).then(
            () => error,
            (reason: unknown) => reason,
          ),
          new Promise((resolve) => setImmediate(resolve, error)),
        ]);
        done(this.#writeFailure(cause));
      },
    );
  }

  /**
   * Pins what is committed now: reads with it see that and nothing newer, until `done`. Only between two `transact`,
   * each of which ends by having reads begin anew. lmdb-js shares one read transaction among all reads; one that is
   * pinned it leaves to whoever pinned it, and begins another for the rest.
   */
  pin(): Transaction {
    return this.#root.useReadTransaction();
  }

  /** `transact` as a promise. */
  write(write: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.transact(write, (error) => (error ? reject(error) : resolve()));
    });
  }

  close(): Promise<void> {
    return this.#root.close();
  }

  #writeFailure(cause: unknown): StoreError {
    const unsound = foundUnsound(cause);
    return unsound === undefined
      ? storeFailure(this.directory, "writing to the database", cause)
      : damagedStore(this.place, unsound, cause);
  }
}

function unreadable(place: StorePlace, cause: unknown): StoreError {
  return damagedStore(place, "the database cannot be opened", cause);
}
