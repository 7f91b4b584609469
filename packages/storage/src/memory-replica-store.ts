import type { CommitDone } from "./commit-queue.js";
import { Damage } from "./damage.js";
import { damagedStore, StoreError, storeFailure } from "./error.js";
import { HeldCommits } from "./held-commits.js";
import { type StoreIdentity, startedIdentity } from "./identity.js";
import type { IncomingDisk, InstallRecord } from "./install.js";
import { Layer, type LogRecord, nameOf } from "./layer.js";
import type { DiskRange } from "./layered-map.js";
import { MemoryMarkerFiles } from "./memory-marker-files.js";
import type { ReplicaDisk } from "./replica-disk.js";
import { ReplicaStore, type ReplicaStoreOptions } from "./replica-store.js";
import type { PinnedState } from "./snapshot.js";

const place = "memory";
const storePlace = { directory: place, kind: "replica" } as const;

/**
 * A replica's disk in memory: it outlives the stores opened on it, as a disk outlives processes. With `flushEveryMs`
 * 0 everything happens within the calls made on it and on its store, except that promises settle later.
 */
export class MemoryReplicaDisk {
  /** The id that the store on it gets when it is first opened. */
  readonly store: string;
  /** The files beside the store, for an execution marker. */
  readonly markerFiles = new MemoryMarkerFiles(place);
  #identity: StoreIdentity | undefined;
  #state = new Layer();
  /** The disk for a snapshot that is being installed. */
  #incoming = new Layer();
  #unfinished: InstallRecord | undefined;
  #log: LogRecord[] = [];
  #trimmedBelow = 0;
  #lastSlot = 0;
  /** The name of the row whose bytes are not what was written. */
  #rotten: string | undefined;
  #damage = new Damage(storePlace);
  #commits = new HeldCommits();
  #opened: ReplicaStore | undefined;
  #pinned = 0;

  constructor({ store }: { readonly store: string }) {
    this.store = store;
  }

  /** Opens the store as `openReplicaStore` does, with the same errors. */
  open(options: ReplicaStoreOptions): ReplicaStore {
    if (this.#opened)
      throw new StoreError("owned", place, "expected a closed store, found it open. Close it first");
    if (this.damaged) throw this.#rot();
    const { id, clusterId } = options;
    const known = this.#identity ?? { id, store: this.store, startCount: 0, clusterId };
    this.#identity = startedIdentity(place, known, options);
    this.#opened = new ReplicaStore(this.#session(this.#identity), options, (start) => start());
    return this.#opened;
  }

  /** Flushes that start from now on wait for `release`, or end at once again. */
  hold(hold: boolean): void {
    this.#commits.hold = hold;
    if (!hold) this.#commits.release();
  }

  /** A flush waits. */
  get waiting(): boolean {
    return this.#commits.waiting;
  }

  /** Makes durable, within this call, everything for which a flush was asked. */
  release(): void {
    this.#commits.release();
  }

  /** The flush that waits fails, and with it every later one of this store. */
  fail(cause: unknown): void {
    this.#commits.fail(storeFailure(place, "writing to the disk", cause));
  }

  /** Ends the flush that waits alone: what was written meanwhile waits for the next. */
  releaseOne(): void {
    this.#commits.releaseOne();
  }

  /**
   * A byte of a stored row changes. Its checksum shows that to whoever reads it, and to a look at all of the disk.
   * @param which of them, counted round
   * @returns false when nothing is stored
   */
  rot(which: number): boolean {
    const names = [...this.#state.entries.keys()];
    this.#rotten = names[which % names.length];
    return this.#rotten !== undefined;
  }

  /** A row is not what was written, and was neither overwritten nor deleted since. */
  get damaged(): boolean {
    return this.#rotten !== undefined;
  }

  /** Looks at all of the disk, as the process does that has it open: what is found ends it. */
  scrub(): void {
    if (this.damaged) this.#damage.noted(this.#rot());
  }

  /** The number of snapshots of it that are open: a disk makes no use of what was freed since. */
  get pinned(): number {
    return this.#pinned;
  }

  /** The last slot that is durable; what a crash would leave. */
  get durableSlot(): number {
    return this.#lastSlot;
  }

  /**
   * The process dies: what is not durable is gone, flushes that waited never end, the disk can be opened again.
   * @param whole the flush under way became durable all the same, which nobody was told
   */
  crash(whole = false): void {
    const { hold } = this.#commits;
    if (whole) this.#commits.applyOne();
    this.#commits = new HeldCommits();
    this.#commits.hold = hold;
    this.#opened = undefined;
    this.#pinned = 0;
    this.#damage = new Damage(storePlace);
  }

  #rot(): StoreError {
    return damagedStore(storePlace, "a row of the state does not pass its checksum");
  }

  /** Throws when one of these rows is not what was written. */
  #read(names: Iterable<string>): void {
    if (this.#rotten === undefined) return;
    for (const name of names) if (name === this.#rotten) throw this.#damage.noted(this.#rot());
  }

  #session(identity: StoreIdentity): ReplicaDisk {
    const commits = this.#commits;
    const damage = this.#damage;
    return {
      identity,
      trimmedBelow: this.#trimmedBelow,
      lastSlot: this.#lastSlot,
      untidy: false,
      // What is freed can be used again at once, so that there is nothing to watch.
      usedBytes: 0,
      get damage() {
        return damage.found;
      },
      tellOfDamage: (tell) => damage.tellOf(tell),
      get: (key) => {
        this.#read([nameOf(key)]);
        return this.#state.entries.get(nameOf(key))?.value;
      },
      entries: (range) => this.#entries(range),
      log: (from, through) => this.#log.filter(({ slot }) => slot >= from && slot <= through),
      commit: (layer: Layer, done: CommitDone) => {
        // A process that has crashed writes nothing more.
        if (commits === this.#commits) commits.submit(() => this.#apply(layer), done);
      },
      pin: () => this.#pin(),
      incoming: this.#incomingDisk(commits),
      close: async () => {
        if (commits === this.#commits) this.#opened = undefined;
      },
    };
  }

  #incomingDisk(commits: HeldCommits): IncomingDisk {
    const submit = (apply: () => void, done: CommitDone) => {
      if (commits === this.#commits) commits.submit(apply, done);
    };
    const restart = (record: InstallRecord | undefined) => () => {
      this.#incoming = new Layer();
      this.#unfinished = record;
    };
    const unfinished = () => this.#unfinished;
    return {
      get unfinished() {
        return unfinished();
      },
      littered: false,
      begin: (record, done) => submit(restart(record), done),
      put: (entries, record, done) =>
        submit(() => {
          for (const [key, value] of entries) this.#incoming.set(nameOf(key), key, value);
          this.#unfinished = record;
        }, done),
      finish: (done) => submit(() => this.#replace(), done),
      discard: (done) => submit(restart(undefined), done),
    };
  }

  #replace(): void {
    const { slot } = this.#unfinished as InstallRecord;
    this.#state = this.#incoming;
    this.#rotten = undefined;
    this.#incoming = new Layer();
    this.#unfinished = undefined;
    this.#log = [];
    this.#trimmedBelow = slot + 1;
    this.#lastSlot = slot;
  }

  #entries({ from, until, reverse, limit, maxBytes }: DiskRange): (readonly [Uint8Array, Uint8Array])[] {
    const first = nameOf(from);
    const end = until && nameOf(until);
    const entries: (readonly [Uint8Array, Uint8Array])[] = [];
    let entry = reverse ? this.#state.before(end) : this.#state.after(first, true);
    let bytes = 0;
    while (entry?.value && entries.length < limit && bytes < maxBytes) {
      if (reverse ? entry.name < first : end !== undefined && entry.name >= end) break;
      this.#read([entry.name]);
      entries.push([entry.key, entry.value]);
      bytes += entry.key.length + entry.value.length;
      entry = reverse ? this.#state.before(entry.name) : this.#state.after(entry.name, false);
    }
    return entries;
  }

  #pin(): PinnedState {
    this.#read(this.#state.entries.keys());
    const copy = new Layer();
    for (const { name, key, value } of this.#state.entries.values()) copy.set(name, key, value);
    let pinned = true;
    const commits = this.#commits;
    this.#pinned++;
    return {
      rows: copy.entries.size,
      *entries(after) {
        let entry = after === undefined ? copy.after("", true) : copy.after(nameOf(after), false);
        for (; entry?.value; entry = copy.after(entry.name, false)) yield [entry.key, entry.value];
      },
      release: () => {
        if (pinned && commits === this.#commits) this.#pinned--;
        pinned = false;
      },
    };
  }

  #apply(layer: Layer): void {
    for (const { name, key, value } of layer.entries.values()) {
      if (name === this.#rotten) this.#rotten = undefined;
      if (value === undefined) this.#state.forget(name);
      else this.#state.set(name, key, value);
    }
    this.#log.push(...layer.log);
    this.#lastSlot = layer.log.at(-1)?.slot ?? this.#lastSlot;
    this.#trimmedBelow = Math.max(this.#trimmedBelow, layer.trimmedBelow);
    if (layer.trimmedBelow > 0) this.#log = this.#log.filter(({ slot }) => slot >= layer.trimmedBelow);
  }
}
