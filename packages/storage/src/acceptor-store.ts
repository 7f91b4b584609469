import {
  type AcceptedLog,
  type AcceptedPage,
  type AcceptorRecord,
  type AcceptorState,
  type Ballot,
  compareBallots,
  invariant,
  type PValue,
  pvalueBytes,
} from "@synod/core";
import { type CommitDone, CommitQueue } from "./commit-queue.js";
import type { StoreIdentity } from "./identity.js";

/** The disk below an acceptor's records: lmdb, or memory. */
export interface AcceptorDisk {
  readonly identity: StoreIdentity;
  /** The durable records when it was opened. */
  readonly state: AcceptorState;
  /** The highest slot with a durable pvalue; 0 when there is none. */
  highestSlot(): number;
  /** Durable pvalues at or above `from`, in slot order. Those below the trim mark may or may not be there. */
  accepted(from: number): Iterable<PValue>;
  /** Makes all of the records durable, or none. */
  commit(records: readonly AcceptorRecord[], done: CommitDone): void;
  /** There is tidying left that a commit of no records would do. */
  readonly untidy: boolean;
  close(): Promise<void>;
}

/**
 * An acceptor's durable memory. Records are visible to reads as soon as they are written, and on disk when a commit
 * that was asked for later resolves (rules 3, 4).
 */
export class AcceptorStore implements AcceptedLog {
  readonly identity: StoreIdentity;
  /** The records found at start; later writes do not change them. */
  readonly state: AcceptorState;
  readonly #disk: AcceptorDisk;
  readonly #commits: CommitQueue;
  #unsaved: AcceptorRecord[] = [];
  /** Pvalues not yet known to be durable, by slot. */
  readonly #inFlight = new Map<number, PValue>();
  #promised: Ballot;
  #trimmedBelow: number;
  #highestSlot: number;
  #closing: Promise<void> | undefined;

  constructor(disk: AcceptorDisk, schedule: (start: () => void) => void) {
    this.identity = disk.identity;
    this.state = disk.state;
    this.#disk = disk;
    this.#commits = new CommitQueue((done) => this.#save(done), schedule);
    this.#promised = disk.state.promised;
    this.#trimmedBelow = disk.state.trim.below;
    this.#highestSlot = this.#aboveTrim(disk.highestSlot());
  }

  /** Hands a record over. Throws InvariantViolation where it would take something back. */
  write(record: AcceptorRecord): void {
    switch (record.kind) {
      case "promise":
        this.#promise(record.ballot);
        break;
      case "accept": {
        const { slot, ballot } = record.pvalue;
        const below = this.#trimmedBelow;
        invariant(
          slot >= below,
          () => `expected a pvalue at or above the trim mark ${below}, found slot ${slot}`,
        );
        this.#promise(ballot);
        this.#inFlight.set(slot, record.pvalue);
        this.#highestSlot = Math.max(this.#highestSlot, slot);
        break;
      }
      case "trim": {
        const { below } = record.trim;
        const before = this.#trimmedBelow;
        invariant(below >= before, () => `expected a trim mark of at least ${before}, found ${below}`);
        this.#trimmedBelow = below;
        for (const slot of this.#inFlight.keys()) if (slot < below) this.#inFlight.delete(slot);
        this.#highestSlot = this.#aboveTrim(this.#highestSlot);
      }
    }
    this.#unsaved.push(record);
  }

  /**
   * Resolves when everything written so far is on disk; all that is written in one turn of the event loop shares a
   * transaction. Commits end in order. Rejects with StoreError `failed`, and so does every commit after it: the
   * process must end (rule 4).
   */
  commit(): Promise<void> {
    return this.#commits.commit();
  }

  page(from: number, maxSlots: number, maxBytes: number): AcceptedPage {
    const accepted: PValue[] = [];
    let bytes = 0;
    for (const pvalue of this.#merged(Math.max(from, this.#trimmedBelow))) {
      bytes += pvalueBytes(pvalue);
      if (accepted.length > 0 && (accepted.length >= maxSlots || bytes > maxBytes))
        return { accepted, next: pvalue.slot };
      accepted.push(pvalue);
    }
    return { accepted, next: 0 };
  }

  /** A slot above all others, which most are that somebody asks about, costs no look at the disk. */
  held(slot: number): PValue | undefined {
    if (slot > this.#highestSlot || slot < this.#trimmedBelow) return undefined;
    const fresh = this.#inFlight.get(slot);
    if (fresh) return fresh;
    for (const saved of this.#disk.accepted(slot)) return saved.slot === slot ? saved : undefined;
    return undefined;
  }

  highestSlot(): number {
    return this.#highestSlot;
  }

  /** Commits what was written, then lets go of the store. Rejects as `commit` does, but lets go all the same. */
  close(): Promise<void> {
    this.#closing ??= this.#commits.commit().finally(() => this.#disk.close());
    return this.#closing;
  }

  #promise(ballot: Ballot): void {
    invariant(
      compareBallots(ballot, this.#promised) >= 0,
      () =>
        `expected a promise of at least ${JSON.stringify(this.#promised)}, found ${JSON.stringify(ballot)}`,
    );
    this.#promised = ballot;
  }

  #aboveTrim(slot: number): number {
    return slot < this.#trimmedBelow ? 0 : slot;
  }

  /** Pvalues at or above `from` in slot order; one in flight hides the one on disk. */
  *#merged(from: number): Iterable<PValue> {
    const fresh = [...this.#inFlight.values()].filter((pvalue) => pvalue.slot >= from);
    fresh.sort((a, b) => a.slot - b.slot);
    let index = 0;
    for (const saved of this.#disk.accepted(from)) {
      let next = fresh[index];
      while (next !== undefined && next.slot < saved.slot) {
        yield next;
        next = fresh[++index];
      }
      if (next?.slot !== saved.slot) yield saved;
    }
    yield* fresh.slice(index);
  }

  #save(done: CommitDone): void {
    const records = this.#unsaved;
    this.#unsaved = [];
    if (records.length === 0 && !this.#disk.untidy) {
      done();
      return;
    }
    this.#disk.commit(records, (error) => {
      if (error === undefined) {
        for (const record of records) {
          if (record.kind === "accept" && this.#inFlight.get(record.pvalue.slot) === record.pvalue)
            this.#inFlight.delete(record.pvalue.slot);
        }
      }
      done(error);
      // A failure shows at the next commit that somebody waits for.
      if (error === undefined && this.#disk.untidy && !this.#closing) this.#commits.commit().catch(() => {});
    });
  }
}
