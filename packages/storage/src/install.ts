import type { Commit, CommitDone } from "./commit-queue.js";
import { maxKeyBytes } from "./layered-map.js";
import { maxPutEntries, type StateEntry } from "./snapshot.js";

/** The snapshot that is being installed. */
export interface InstallName {
  /** Names the snapshot for whoever gives it: under one id and slot there is ever one content only. */
  readonly id: string;
  /** The slot it is of. */
  readonly slot: number;
}

/** The progress of an install. */
export interface InstallRecord extends InstallName {
  /** The last key put; undefined before the first. */
  readonly after: Uint8Array | undefined;
  /** The caller's own bytes. */
  readonly progress: Uint8Array;
}

/** A second state beside the replica's own, for a snapshot that comes in. */
export interface IncomingDisk {
  /** The install that was begun and has not ended, as far as it is durable. */
  readonly unfinished: InstallRecord | undefined;
  /** Something lies in the second state that belongs to no install. */
  readonly littered: boolean;
  /** Empties the second state and begins an install. */
  begin(record: InstallRecord, done: CommitDone): void;
  /** Adds entries to the second state, and with them the record of how far it is. */
  put(entries: readonly StateEntry[], record: InstallRecord, done: CommitDone): void;
  /** The second state becomes the replica's, which becomes the second; the log is empty, and its last slot that of it. */
  finish(done: CommitDone): void;
  /** Empties the second state; no install is unfinished. */
  discard(done: CommitDone): void;
}

/** The operations of a store that its installs need. */
export interface InstallHost {
  /** The last slot the state has, on disk or not. */
  readonly lastSlot: number;
  /** Has the disk to itself, after what was asked for before. Rejects when the store fails or is closed. */
  exclusive(run: Commit): Promise<void>;
  /** The state on disk is that of a snapshot of `slot` now. */
  replaced(slot: number): void;
}

/** A snapshot that is taken in beside the state, which goes on being read and written. Entries come in key order. */
export interface Install extends InstallName {
  /** The last key that is durable: the next put begins after it. Undefined before the first. */
  readonly after: Uint8Array | undefined;
  /** The caller's own bytes of the last put; before the first, those that `beginInstall` was given. */
  readonly progress: Uint8Array;
  /**
   * Resolves when the entries and `progress` are durable, both or neither. At most `maxPutEntries` entries, in
   * ascending order of keys, and `maxProgressBytes` of progress; rejects with RangeError otherwise.
   */
  put(entries: readonly StateEntry[], progress: Uint8Array): Promise<void>;
  /**
   * In one transaction the snapshot becomes the state, the log is empty and its last slot is the snapshot's. Writes that
   * no flush carried are lost, those made while this is under way too; ranges under way throw at their next step.
   * `onReplaced` is called at the very moment from which on `state` is the new one, before anything else can write to
   * it: whoever keeps something of the old state in memory lets go of it there. Rejects with RangeError, and throws the
   * snapshot away, when its slot is not above the log's last.
   */
  finish(onReplaced?: () => void): Promise<void>;
  /** Throws away what came in. Does nothing when the install has ended. */
  abandon(): Promise<void>;
}

/** The most bytes that a caller may keep with an install. */
export const maxProgressBytes = 4096;
const maxIdBytes = 256;

/** The installs of a store, of which one at most has not ended. */
export class Installs {
  readonly #disk: IncomingDisk;
  readonly #host: InstallHost;
  #current: RunningInstall | undefined;

  constructor(disk: IncomingDisk, host: InstallHost) {
    this.#disk = disk;
    this.#host = host;
    if (disk.littered) this.clean();
  }

  async begin({ id, slot }: InstallName, seed: Uint8Array): Promise<Install> {
    checkProgress(seed);
    if (id.length === 0 || Buffer.byteLength(id) > maxIdBytes)
      throw new RangeError(
        `expected the id of a snapshot to have 1 to ${maxIdBytes} bytes, found ${JSON.stringify(id)}`,
      );
    this.#current?.end();
    const install = new RunningInstall({ id, slot }, this.#disk, this.#host, () => this.clean());
    this.#current = install;
    await this.#host.exclusive((done) => {
      const found = this.#disk.unfinished;
      const resumes = found?.id === id && found.slot === slot;
      const record = resumes ? found : { id, slot, after: undefined, progress: seed };
      install.startAt(record);
      if (resumes) done();
      else this.#disk.begin(record, done);
    });
    return install;
  }

  /** Empties the second state in the background, unless an install has use for it by then. */
  clean(): void {
    const cleaning = this.#host.exclusive((done) => {
      if (this.#disk.littered) this.#disk.discard(done);
      else done();
    });
    cleaning.catch(() => {}); // the store has told of a failure; a closed store is cleaned by the next process
  }
}

class RunningInstall implements Install {
  readonly id: string;
  readonly slot: number;
  after: Uint8Array | undefined;
  progress: Uint8Array = new Uint8Array();
  readonly #disk: IncomingDisk;
  readonly #host: InstallHost;
  readonly #clean: () => void;
  /** The last key handed over, durable or not. */
  #last: Uint8Array | undefined;
  #ended = false;

  constructor({ id, slot }: InstallName, disk: IncomingDisk, host: InstallHost, clean: () => void) {
    this.id = id;
    this.slot = slot;
    this.#disk = disk;
    this.#host = host;
    this.#clean = clean;
  }

  startAt({ after, progress }: InstallRecord): void {
    this.after = after;
    this.#last = after;
    this.progress = progress;
  }

  end(): void {
    this.#ended = true;
  }

  async put(entries: readonly StateEntry[], progress: Uint8Array): Promise<void> {
    this.#refuseEnded();
    checkProgress(progress);
    checkEntries(this.#last, entries);
    const after = entries.at(-1)?.[0] ?? this.#last;
    this.#last = after;
    const { id, slot } = this;
    await this.#host.exclusive((done) => this.#disk.put(entries, { id, slot, after, progress }, done));
    this.after = after;
    this.progress = progress;
  }

  async finish(onReplaced?: () => void): Promise<void> {
    this.#refuseEnded();
    this.end();
    let tooLow: number | undefined;
    await this.#host.exclusive((done) => {
      // What waited for the disk has ended, so this is the moment that counts.
      const { lastSlot } = this.#host;
      if (this.slot > lastSlot) {
        this.#replace(onReplaced, done);
        return;
      }
      tooLow = lastSlot;
      this.#disk.discard(done);
    });
    if (tooLow !== undefined)
      throw new RangeError(
        `expected a snapshot above slot ${tooLow}, the log's last, found one of slot ${this.slot}. It was thrown away; ` +
          "go on with the log",
      );
    this.#clean();
  }

  async abandon(): Promise<void> {
    if (this.#ended) return;
    this.end();
    await this.#host.exclusive((done) => this.#disk.discard(done));
  }

  #replace(onReplaced: (() => void) | undefined, done: CommitDone): void {
    this.#disk.finish((error) => {
      if (error !== undefined) {
        done(error);
        return;
      }
      this.#host.replaced(this.slot);
      try {
        onReplaced?.();
      } finally {
        done();
      }
    });
  }

  #refuseEnded(): void {
    if (this.#ended)
      throw new Error(
        `expected an install under way, found that of ${this.id} ended: finished, abandoned, or begun anew. Begin another`,
      );
  }
}

function checkProgress({ length }: Uint8Array): void {
  if (length > maxProgressBytes)
    throw new RangeError(`expected at most ${maxProgressBytes} bytes of progress, found ${length}`);
}

function checkEntries(after: Uint8Array | undefined, entries: readonly StateEntry[]): void {
  if (entries.length > maxPutEntries)
    throw new RangeError(
      `expected at most ${maxPutEntries} entries at once, found ${entries.length}. Put them in parts`,
    );
  let before = after;
  for (const [key] of entries) {
    if (key.length === 0 || key.length > maxKeyBytes)
      throw new RangeError(`expected a key of 1 to ${maxKeyBytes} bytes, found ${key.length}`);
    if (before !== undefined && Buffer.compare(before, key) >= 0)
      throw new RangeError(
        `expected keys in ascending order, found ${hex(key)} after ${hex(before)}. Begin the install again`,
      );
    before = key;
  }
}

function hex(key: Uint8Array): string {
  return Buffer.from(key.subarray(0, 32)).toString("hex");
}
