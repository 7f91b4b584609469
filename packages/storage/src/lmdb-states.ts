import type { CommitDone } from "./commit-queue.js";
import { type ByteDatabase, type Environment, entriesOf, leastKey } from "./environment.js";
import type { IncomingDisk, InstallRecord } from "./install.js";
import {
  currentKey,
  decodeCurrent,
  decodeInstall,
  encodeCurrent,
  encodeInstall,
  installKey,
  type StateIndex,
} from "./replica-record.js";
import { sealRow } from "./seal.js";
import type { StateEntry } from "./snapshot.js";

/**
 * The two databases of a replica's state. A record says which of them is the state; a snapshot comes into the other, and
 * becomes the state when that record is written anew. lmdb empties a database on its own thread, by giving back its
 * pages: it need not see the keys, and the event loop does not wait.
 */
export class LmdbStates implements IncomingDisk {
  readonly #environment: Environment;
  readonly #meta: ByteDatabase;
  readonly #both: readonly [ByteDatabase, ByteDatabase];
  readonly #onFinish: (slot: number) => { readonly write: () => void; readonly done: () => void };
  #current: StateIndex;
  #unfinished: InstallRecord | undefined;
  #littered: boolean;

  /** `onFinish` says what else changes when a snapshot of `slot` becomes the state, on disk and then in memory. */
  constructor(
    environment: Environment,
    meta: ByteDatabase,
    both: readonly [ByteDatabase, ByteDatabase],
    onFinish: (slot: number) => { readonly write: () => void; readonly done: () => void },
  ) {
    this.#environment = environment;
    this.#meta = meta;
    this.#both = both;
    this.#onFinish = onFinish;
    const { place } = environment;
    this.#current = decodeCurrent(place, meta.get(currentKey));
    this.#unfinished = decodeInstall(place, meta.get(installKey));
    const isEmpty = this.#other.getKeysCount({ start: leastKey, limit: 1 }) === 0;
    this.#littered = this.#unfinished === undefined && !isEmpty;
  }

  get current(): ByteDatabase {
    return this.#both[this.#current];
  }

  /** The number of rows that the state has on disk. */
  get rows(): number {
    return entriesOf(this.current);
  }

  get unfinished(): InstallRecord | undefined {
    return this.#unfinished;
  }

  get littered(): boolean {
    return this.#littered;
  }

  begin(record: InstallRecord, done: CommitDone): void {
    const write = () => {
      this.#other.clearAsync();
      this.#meta.put(installKey, encodeInstall(record));
    };
    this.#transact(write, record, false, done);
  }

  put(entries: readonly StateEntry[], record: InstallRecord, done: CommitDone): void {
    const write = () => {
      for (const [key, value] of entries) this.#other.put(key, sealRow(key, value));
      this.#meta.put(installKey, encodeInstall(record));
    };
    this.#transact(write, record, false, done);
  }

  finish(done: CommitDone): void {
    const { slot } = this.#unfinished as InstallRecord;
    const also = this.#onFinish(slot);
    const next: StateIndex = this.#current === 0 ? 1 : 0;
    const write = () => {
      this.#meta.put(currentKey, encodeCurrent(next));
      this.#meta.remove(installKey);
      also.write();
    };
    // What was the state is emptied later: until this commit is known to be durable, reads go there.
    this.#transact(write, undefined, true, (error) => {
      if (error === undefined) {
        this.#current = next;
        also.done();
      }
      done(error);
    });
  }

  discard(done: CommitDone): void {
    const write = () => {
      this.#other.clearAsync();
      this.#meta.remove(installKey);
    };
    this.#transact(write, undefined, false, done);
  }

  get #other(): ByteDatabase {
    return this.#both[this.#current === 0 ? 1 : 0];
  }

  #transact(
    write: () => void,
    unfinished: InstallRecord | undefined,
    littered: boolean,
    done: CommitDone,
  ): void {
    this.#environment.transact(write, (error) => {
      if (error === undefined) {
        this.#unfinished = unfinished;
        this.#littered = littered;
      }
      done(error);
    });
  }
}
