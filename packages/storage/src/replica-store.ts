import type { OrderedMap } from "@synod/core";
import { type CommitDone, CommitQueue } from "./commit-queue.js";
import { type DecidedLog, LayeredLog } from "./decided-log.js";
import type { StoreError } from "./error.js";
import type { StoreIdentity } from "./identity.js";
import { type Install, type InstallHost, type InstallName, Installs } from "./install.js";
import { LayeredMap } from "./layered-map.js";
import type { ReplicaDisk } from "./replica-disk.js";
import { Snapshots, type StateSnapshot } from "./snapshot.js";

export interface ReplicaStoreOptions {
  readonly id: string;
  readonly clusterId: string;
  /** From a first write to the flush that takes it to disk. 0: only `flush` does. Default 50. */
  readonly flushEveryMs?: number | undefined;
  /** From one pass over all of the file to the next, at least. Default 10 s. */
  readonly scrubEveryMs?: number | undefined;
  /** A flush is on disk: everything executed up to this slot (0: none yet) survives a crash. */
  readonly onFlushed?: ((durableSlot: number) => void) | undefined;
  /** A flush failed, or what was read is not what was written; the process must end (rule 4). */
  readonly onFailure?: ((error: StoreError) => void) | undefined;
}

export interface BeginInstall extends InstallName {
  /** Bytes of the caller's own, kept with an install that is new. Default: none. */
  readonly progress?: Uint8Array | undefined;
}

/**
 * A replica's state and log. Reads see every write at once; a flush takes everything written so far to disk in one
 * transaction. Flushes start between turns of the event loop only, so whatever one turn writes (a slot's log entry
 * and all its effects) is on disk whole or not at all (rule 17).
 */
export class ReplicaStore {
  readonly identity: StoreIdentity;
  readonly state: OrderedMap;
  readonly log: DecidedLog;
  readonly #log: LayeredLog;
  readonly #disk: ReplicaDisk;
  readonly #map: LayeredMap;
  readonly #flushes: CommitQueue;
  readonly #options: ReplicaStoreOptions;
  readonly #snapshots = new Snapshots();
  readonly #installs: Installs;
  #timer: NodeJS.Timeout | undefined;
  #durableSlot: number;
  #closing: Promise<void> | undefined;

  constructor(disk: ReplicaDisk, options: ReplicaStoreOptions, schedule: (start: () => void) => void) {
    this.identity = disk.identity;
    this.#disk = disk;
    this.#options = options;
    this.#durableSlot = disk.lastSlot;
    this.#map = new LayeredMap(disk, () => this.#arm());
    this.#flushes = new CommitQueue((done) => this.#save(done), schedule);
    this.state = this.#map;
    this.log = this.#log = new LayeredLog(disk, this.#map);
    this.#installs = new Installs(disk.incoming, this.#installHost());
    disk.tellOfDamage((error) => options.onFailure?.(error));
  }

  /** Resolves when everything written so far is on disk. Rejects with StoreError `failed`, and then always. */
  flush(): Promise<void> {
    return this.#flushes.commit();
  }

  /** Memory held by writes that are not on disk yet, roughly. Whoever writes faster than the disk must wait. */
  get pendingBytes(): number {
    return this.#map.pendingBytes;
  }

  /**
   * Bytes of the disk that are taken. They never become fewer, and while a snapshot is open every write adds to them
   * (`Snapshots`).
   */
  get usedBytes(): number {
    return this.#disk.usedBytes;
  }

  /** The last slot that is on disk, with all its effects, trimmed from the log or not; 0 before the first. */
  get durableSlot(): number {
    return this.#durableSlot;
  }

  /**
   * Flushes, then shows the state as it is on disk at that moment, however long it is read and whatever is written
   * meanwhile. At most `maxOpenSnapshots` may be open; whoever has one closes it, and soon (`Snapshots` says why).
   * Rejects as `flush` does, and with RangeError beyond the limit.
   */
  snapshot(): Promise<StateSnapshot> {
    return this.#snapshots.open((pinned) => {
      this.#refuseClosed();
      return this.#flushes.exclusive((done) =>
        this.#save((error) => {
          // Now no commit is under way, so what is durable and what is pinned are the same.
          if (error === undefined) pinned(this.#durableSlot, this.#disk.pin());
          done(error);
        }),
      );
    });
  }

  /** The snapshot of which a part came in, by this process or an earlier one; undefined when there is none. */
  get unfinishedInstall(): InstallName | undefined {
    const { unfinished } = this.#disk.incoming;
    return unfinished && { id: unfinished.id, slot: unfinished.slot };
  }

  /**
   * Begins to take in a snapshot beside the state. Goes on where an install of the same id and slot ended, by this
   * process or an earlier one; any other that is unfinished is thrown away. An `Install` handed out before has ended.
   * `progress` is what the new one starts with. Rejects with RangeError for an id or progress that is too long.
   */
  beginInstall({ progress = new Uint8Array(), ...name }: BeginInstall): Promise<Install> {
    return this.#installs.begin(name, progress);
  }

  /** Flushes, then lets go of the store and its snapshots. Rejects as `flush` does, but lets go all the same. */
  close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#closing ??= this.flush().finally(() => {
      this.#snapshots.closeAll();
      return this.#disk.close();
    });
    return this.#closing;
  }

  #installHost(): InstallHost {
    const log = this.#log;
    return {
      get lastSlot() {
        return log.last;
      },
      exclusive: async (run) => {
        this.#refuseClosed();
        await this.#flushes.exclusive((done) =>
          run((error) => {
            done(error);
            if (error !== undefined) this.#options.onFailure?.(error);
          }),
        );
      },
      replaced: (slot) => {
        this.#map.replace();
        log.restart(slot);
        this.#durableSlot = slot;
        this.#options.onFlushed?.(slot);
        this.#tidy();
      },
    };
  }

  /** Removes the slots below a trim little by little, so that flushes are never held up for long; `onFailure` tells of a failure. */
  #tidy(): void {
    if (this.#disk.untidy && !this.#closing) this.#flushes.commit().catch(() => {});
  }

  #refuseClosed(): void {
    if (this.#closing) throw new Error("expected an open store, found it closed. Open it again");
  }

  #arm(): void {
    const { flushEveryMs = 50 } = this.#options;
    if (this.#timer !== undefined || flushEveryMs === 0 || this.#flushes.failure || this.#closing) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.flush().catch(() => {}); // `onFailure` has told
    }, flushEveryMs);
    this.#timer.unref();
  }

  #save(done: CommitDone): void {
    const tidying = this.#map.newest.empty;
    if (tidying && !this.#disk.untidy) {
      done();
      return;
    }
    if (this.#disk.damage !== undefined) {
      done(this.#disk.damage);
      return;
    }
    const layer = this.#map.startFlush();
    this.#disk.commit(layer, (error) => {
      if (error === undefined) {
        this.#map.endFlush();
        this.#durableSlot = layer.log.at(-1)?.slot ?? this.#durableSlot;
      }
      done(error);
      if (error !== undefined) {
        this.#options.onFailure?.(error);
        return;
      }
      if (!tidying) this.#options.onFlushed?.(this.#durableSlot);
      this.#tidy();
    });
  }
}
