import { type AcceptorRecord, type Ballot, compareBallots, type PValue, type TrimRecord } from "@synod/core";
import { AcceptorRecords } from "./acceptor-record.js";
import { type AcceptorDisk, AcceptorStore } from "./acceptor-store.js";
import type { CommitDone } from "./commit-queue.js";
import { damagedStore, StoreError, storeFailure } from "./error.js";
import { HeldCommits } from "./held-commits.js";
import { type StoreIdentity, startedIdentity } from "./identity.js";
import type { RecordCodec } from "./record-codec.js";

const directory = "memory";

/** The durable contents of an acceptor's disk. */
interface Durable {
  readonly promised: Ballot;
  readonly trim: TrimRecord;
  /** The highest slot with a pvalue; 0 when there is none. */
  readonly highestSlot: number;
  accepted(slot: number): PValue | undefined;
}

/**
 * An acceptor's disk in memory: it outlives the stores opened on it, as a disk outlives processes, and keeps the records
 * that a disk would keep. Everything happens within the calls made on it and on its store, except that promises settle later; nothing is drawn at random.
 */
export class MemoryAcceptorDisk {
  #identity: StoreIdentity;
  readonly #codec: RecordCodec;
  readonly #records: AcceptorRecords;
  #promised: Stored<Ballot>;
  #trim: Stored<TrimRecord>;
  /** By slot. */
  readonly #accepted = new Map<number, Stored<PValue>>();
  /** The slot whose stored pvalue is not what was written. */
  #rotten: number | undefined;
  #commits = new HeldCommits();
  #opened: AcceptorStore | undefined;
  readonly #onDurable: ((records: readonly AcceptorRecord[]) => void) | undefined;

  /** Does what `init` does to a directory. `onDurable` is told of the records of each commit, when they are on disk. */
  constructor(
    { id, store, codec }: { readonly id: string; readonly store: string; readonly codec: RecordCodec },
    onDurable?: (records: readonly AcceptorRecord[]) => void,
  ) {
    this.#identity = { id, store, startCount: 0, clusterId: undefined };
    this.#codec = codec;
    this.#records = new AcceptorRecords({ directory, kind: "acceptor" }, codec);
    this.#promised = stored(() => this.#records.readPromise(undefined));
    this.#trim = stored(() => this.#records.readTrim(undefined));
    this.#onDurable = onDurable;
  }

  /** The id that it got when it was made. */
  get store(): string {
    return this.#identity.store;
  }

  /** The durable contents: what a crash would leave. */
  get durable(): Durable {
    return {
      promised: this.#promised(),
      trim: this.#trim(),
      highestSlot: Math.max(0, ...this.#accepted.keys()),
      accepted: (slot) => this.#accepted.get(slot)?.(),
    };
  }

  /** The durable pvalue of a slot. */
  accepted(slot: number): PValue | undefined {
    return this.#accepted.get(slot)?.();
  }

  /** The disk as it is now, with no process on it: what somebody keeps who copies the directory. */
  copy(): MemoryAcceptorDisk {
    const copy = new MemoryAcceptorDisk({ ...this.#identity, codec: this.#codec }, this.#onDurable);
    copy.#identity = this.#identity;
    copy.#promised = this.#promised;
    copy.#trim = this.#trim;
    for (const [slot, pvalue] of this.#accepted) copy.#accepted.set(slot, pvalue);
    copy.#rotten = this.#rotten;
    copy.#commits.hold = this.#commits.hold;
    return copy;
  }

  /** Opens the store as `openAcceptorStore` does, with the same errors. */
  open(expected: { readonly id: string; readonly clusterId?: string | undefined }): AcceptorStore {
    if (this.#opened)
      throw new StoreError("owned", directory, "expected a closed store, found it open. Close it first");
    if (this.damage !== undefined) throw this.damage;
    this.#identity = startedIdentity(directory, this.#identity, expected);
    this.#opened = new AcceptorStore(this.#session(), (start) => start());
    return this.#opened;
  }

  /** Commits asked for from now on wait for `release`, or end at once again. */
  hold(hold: boolean): void {
    this.#commits.hold = hold;
    if (!hold) this.#commits.release();
  }

  /** A commit waits. */
  get waiting(): boolean {
    return this.#commits.waiting;
  }

  /** Makes durable, within this call, everything for which a commit was asked. */
  release(): void {
    this.#commits.release();
  }

  /** Ends the commit that waits alone: what was written meanwhile waits for the next. */
  releaseOne(): void {
    this.#commits.releaseOne();
  }

  /** The commit that waits fails, and with it every later one of this store. */
  fail(cause: unknown): void {
    this.#commits.fail(storeFailure(directory, "writing to the disk", cause));
  }

  /**
   * A byte of a stored pvalue changes. Its checksum shows that to whoever reads it, and to a look at all of the disk.
   * @param which of them, counted round
   * @returns false when nothing is stored
   */
  rot(which: number): boolean {
    const slots = [...this.#accepted.keys()];
    this.#rotten = slots[which % slots.length];
    return this.#rotten !== undefined;
  }

  /** The damage that reading all of the disk finds; undefined also when the changed bytes were overwritten or trimmed since. */
  get damage(): StoreError | undefined {
    return this.#rotten === undefined
      ? undefined
      : damagedStore(
          { directory, kind: "acceptor" },
          `the pvalue of slot ${this.#rotten} does not pass its checksum`,
        );
  }

  /**
   * The process dies: what is not durable is gone, the commits that waited never end, the disk can be opened again.
   * @param whole the commit under way became durable all the same, which nobody was told
   */
  crash(whole = false): void {
    const { hold } = this.#commits;
    if (whole) this.#commits.applyOne();
    this.#commits = new HeldCommits();
    this.#commits.hold = hold;
    this.#opened = undefined;
  }

  #session(): AcceptorDisk {
    const commits = this.#commits;
    const accepted = this.#accepted;
    return {
      identity: this.#identity,
      state: { promised: this.#promised(), trim: this.#trim() },
      untidy: false,
      highestSlot: () => Math.max(0, ...accepted.keys()),
      accepted: (from) => {
        if (this.damage !== undefined && (this.#rotten ?? 0) >= from) throw this.damage;
        return [...accepted]
          .filter(([slot]) => slot >= from)
          .sort(([a], [b]) => a - b)
          .map(([, pvalue]) => pvalue());
      },
      commit: (records: readonly AcceptorRecord[], done: CommitDone) => {
        const apply = () => {
          for (const record of records) this.#apply(record);
          this.#onDurable?.(records);
        };
        // A process that has crashed writes nothing more.
        if (commits === this.#commits) commits.submit(apply, done);
      },
      close: async () => {
        if (commits === this.#commits) this.#opened = undefined;
      },
    };
  }

  #apply(record: AcceptorRecord): void {
    switch (record.kind) {
      case "promise":
        this.#promise(record.ballot);
        break;
      case "accept": {
        const { slot, ballot } = record.pvalue;
        this.#promise(ballot);
        const sealed = this.#records.sealPValue(record.pvalue);
        this.#accepted.set(
          slot,
          stored(() => this.#records.readPValue(sealed)),
        );
        if (this.#rotten === slot) this.#rotten = undefined;
        break;
      }
      case "trim": {
        const sealed = this.#records.sealTrim(record.trim);
        this.#trim = stored(() => this.#records.readTrim(sealed.record));
        for (const slot of this.#accepted.keys()) if (slot < record.trim.below) this.#accepted.delete(slot);
        if ((this.#rotten ?? 0) < record.trim.below) this.#rotten = undefined;
      }
    }
  }

  #promise(ballot: Ballot): void {
    if (compareBallots(ballot, this.#promised()) === 0) return;
    const sealed = this.#records.sealPromise(ballot);
    this.#promised = stored(() => this.#records.readPromise(sealed.record));
  }
}

/** A record on the disk, as whoever reads it finds it. */
type Stored<T> = () => T;

/** Read once: a record does not change. */
function stored<T extends object>(read: () => T): Stored<T> {
  let found: T | undefined;
  return () => {
    found ??= read();
    return found;
  };
}
