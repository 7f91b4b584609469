/** A key of the state, and its value. */
export type StateEntry = readonly [key: Uint8Array, value: Uint8Array];

/** The durable state as it was at one moment, whatever is written later. */
export interface PinnedState {
  /** The number of entries. */
  readonly rows: number;
  /** Entries whose key comes after `after`, in byte order; without it all. */
  entries(after: Uint8Array | undefined): Iterable<StateEntry>;
  release(): void;
}

/** A part of a snapshot; `done` when nothing comes after it. */
export interface StatePage {
  readonly entries: readonly StateEntry[];
  readonly done: boolean;
}

/** A replica's state as it was after one slot. */
export interface StateSnapshot {
  /** All slots up to this one have had their effects, and none above it (rule 17). 0: none yet. */
  readonly slot: number;
  /** The number of entries. */
  readonly rows: number;
  /**
   * Entries in byte order whose key comes after `after` (from the first without it): no more than `maxBytes` of keys
   * and values and `maxPageEntries` entries, but at least one. Throws when the snapshot is closed.
   */
  page(after: Uint8Array | undefined, maxBytes: number): StatePage;
  /** Lets go of it. Again does nothing. */
  close(): void;
}

/** Snapshots of one store that can be open at once. */
export const maxOpenSnapshots = 4;
/** Reading or writing this many entries in one go does not hold up the event loop for more than a few milliseconds. */
export const maxPageEntries = 1000;
/** The most entries that are written in one transaction: those of a few pages. */
export const maxPutEntries = 4 * maxPageEntries;

/**
 * The open snapshots of a store. As long as one is open, lmdb cannot use again any page that was freed since, so that
 * every write makes the file grow: whoever opens one bounds the time.
 */
export class Snapshots {
  readonly #open = new Set<Snapshot>();
  /** One for each that is asked for and not pinned yet. */
  readonly #opening = new Set<object>();

  /**
   * Opens one: `pin` hands over what it pinned within the call that pins it, so that nothing can come between. Throws
   * RangeError when there are too many.
   */
  async open(
    pin: (pinned: (slot: number, state: PinnedState) => void) => Promise<void>,
  ): Promise<StateSnapshot> {
    const open = this.#open.size + this.#opening.size;
    if (open >= maxOpenSnapshots)
      throw new RangeError(
        `expected at most ${maxOpenSnapshots} open snapshots, found ${open} when another was asked for. Close one first`,
      );
    let opened: Snapshot | undefined;
    const token = {};
    this.#opening.add(token);
    try {
      await pin((slot, state) => {
        const snapshot = new Snapshot(slot, state, () => this.#open.delete(snapshot));
        this.#opening.delete(token);
        this.#open.add(snapshot);
        opened = snapshot;
      });
    } finally {
      this.#opening.delete(token);
    }
    return opened as Snapshot;
  }

  closeAll(): void {
    for (const snapshot of this.#open) snapshot.close();
  }
}

class Snapshot implements StateSnapshot {
  readonly slot: number;
  readonly rows: number;
  #pinned: PinnedState | undefined;
  readonly #onClosed: () => void;

  constructor(slot: number, pinned: PinnedState, onClosed: () => void) {
    this.slot = slot;
    this.rows = pinned.rows;
    this.#pinned = pinned;
    this.#onClosed = onClosed;
  }

  page(after: Uint8Array | undefined, maxBytes: number): StatePage {
    if (this.#pinned === undefined)
      throw new Error(`expected an open snapshot of slot ${this.slot}, found it closed. Take another one`);
    const entries: StateEntry[] = [];
    let bytes = 0;
    for (const entry of this.#pinned.entries(after)) {
      bytes += entry[0].length + entry[1].length;
      if (entries.length > 0 && (bytes > maxBytes || entries.length === maxPageEntries))
        return { entries, done: false };
      entries.push(entry);
    }
    return { entries, done: true };
  }

  close(): void {
    this.#pinned?.release();
    this.#pinned = undefined;
    this.#onClosed();
  }
}
