import { type AcceptorRecord, type Ballot, noBallot, type PValue, type TrimRecord } from "@synod/core";
import { type AcceptorDisk, AcceptorStore } from "./acceptor-store.js";
import type { CommitDone } from "./commit-queue.js";
import { StoreError, storeFailure } from "./error.js";
import { HeldCommits } from "./held-commits.js";
import { type StoreIdentity, startedIdentity } from "./identity.js";

const place = "memory";

/**
 * An acceptor's disk in memory: it outlives the stores opened on it, as a disk outlives processes. Everything happens
 * within the calls made on it and on its store, except that promises settle later; nothing is drawn at random.
 */
export class MemoryAcceptorDisk {
  #identity: StoreIdentity;
  #promised: Ballot = noBallot;
  #trim: TrimRecord = { below: 1, configurations: [] };
  #accepted = new Map<number, PValue>();
  #commits = new HeldCommits();
  #opened: AcceptorStore | undefined;

  /** What `init` does to a directory. */
  constructor({ id, store }: { readonly id: string; readonly store: string }) {
    this.#identity = { id, store, startCount: 0, clusterId: undefined };
  }

  /** What `openAcceptorStore` does, with the same errors. */
  open(expected: { readonly id: string; readonly clusterId?: string | undefined }): AcceptorStore {
    if (this.#opened)
      throw new StoreError("owned", place, "expected a closed store, found it open. Close it first");
    this.#identity = startedIdentity(place, this.#identity, expected);
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

  /** The commit that waits fails, and with it every later one of this store. */
  fail(cause: unknown): void {
    this.#commits.fail(storeFailure(place, "writing to the disk", cause));
  }

  /** The process dies: what is not durable is gone, the commits that waited never end, the disk can be opened again. */
  crash(): void {
    const { hold } = this.#commits;
    this.#commits = new HeldCommits();
    this.#commits.hold = hold;
    this.#opened = undefined;
  }

  #session(): AcceptorDisk {
    const commits = this.#commits;
    const accepted = this.#accepted;
    return {
      identity: this.#identity,
      state: { promised: this.#promised, trim: this.#trim },
      untidy: false,
      highestSlot: () => Math.max(0, ...accepted.keys()),
      accepted: (from) =>
        [...accepted.values()].filter((pvalue) => pvalue.slot >= from).sort((a, b) => a.slot - b.slot),
      commit: (records: readonly AcceptorRecord[], done: CommitDone) => {
        const apply = () => {
          for (const record of records) this.#apply(record);
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
        this.#promised = record.ballot;
        break;
      case "accept":
        this.#promised = record.pvalue.ballot;
        this.#accepted.set(record.pvalue.slot, record.pvalue);
        break;
      case "trim":
        this.#trim = record.trim;
        for (const slot of this.#accepted.keys()) if (slot < record.trim.below) this.#accepted.delete(slot);
    }
  }
}
