import {
  type AcceptedLog,
  type AcceptedPage,
  type AcceptorRecord,
  type AcceptorState,
  compareBallots,
  noBallot,
  type PValue,
} from "@synod/core";

interface Image {
  promised: AcceptorState["promised"];
  trim: AcceptorState["trim"];
  accepted: Map<number, PValue>;
}

function emptyImage(): Image {
  return { promised: noBallot, trim: { below: 1, configurations: [] }, accepted: new Map() };
}

/** What somebody kept of a disk. */
export interface DiskCopy {
  readonly store: string;
  readonly image: Image;
}

/**
 * An acceptor's disk: reads see every write at once, a crash keeps only what was synced, or of what was being written a
 * first part. Writes are numbered, so that what rests on write n is known to be safe once `synced` has reached n.
 */
export class Disk implements AcceptedLog {
  readonly store: string;
  #durable = emptyImage();
  #visible = emptyImage();
  #writes: AcceptorRecord[] = [];
  #written = 0;
  #synced = 0;

  constructor(store: string) {
    this.store = store;
  }

  /** A disk as it was. */
  static from({ store, image }: DiskCopy): Disk {
    const disk = new Disk(store);
    disk.#durable = copied(image);
    disk.#visible = copied(image);
    return disk;
  }

  get written(): number {
    return this.#written;
  }

  get synced(): number {
    return this.#synced;
  }

  /** What a crash would leave at least. */
  get durable(): {
    readonly promised: AcceptorState["promised"];
    readonly trim: AcceptorState["trim"];
    readonly accepted: ReadonlyMap<number, PValue>;
  } {
    return this.#durable;
  }

  copy(): DiskCopy {
    return { store: this.store, image: copied(this.#durable) };
  }

  state(): AcceptorState {
    return { promised: this.#visible.promised, trim: this.#visible.trim };
  }

  write(record: AcceptorRecord): void {
    write(this.#visible, record);
    this.#writes.push(record);
    this.#written++;
  }

  /** Makes everything written so far durable. @returns the records that became so */
  sync(): readonly AcceptorRecord[] {
    return this.#keep(this.#writes.length);
  }

  /**
   * Loses what was not synced: all of it, or, of writes that were under way, those from the first torn one on.
   * @param whole how many of those were written whole
   * @returns the records that became durable
   */
  crash(whole = 0): readonly AcceptorRecord[] {
    const records = this.#keep(whole);
    this.#writes = [];
    this.#written = this.#synced;
    this.#visible = copied(this.#durable);
    return records;
  }

  page(from: number, maxSlots: number, _maxBytes: number): AcceptedPage {
    const slots = [...this.#visible.accepted.keys()].filter((slot) => slot >= from).sort((a, b) => a - b);
    const accepted = slots.slice(0, maxSlots).map((slot) => this.#visible.accepted.get(slot) as PValue);
    return { accepted, next: slots[maxSlots] ?? 0 };
  }

  highestSlot(): number {
    return Math.max(0, ...this.#visible.accepted.keys());
  }

  #keep(count: number): readonly AcceptorRecord[] {
    const records = this.#writes.splice(0, count);
    for (const record of records) write(this.#durable, record);
    this.#synced += count;
    return records;
  }
}

function copied(image: Image): Image {
  return { ...image, accepted: new Map(image.accepted) };
}

function write(image: Image, record: AcceptorRecord): void {
  switch (record.kind) {
    case "promise":
      image.promised = record.ballot;
      return;
    case "accept":
      image.accepted.set(record.pvalue.slot, record.pvalue);
      if (compareBallots(record.pvalue.ballot, image.promised) > 0) image.promised = record.pvalue.ballot;
      return;
    case "trim":
      image.trim = record.trim;
      for (const slot of image.accepted.keys()) if (slot < record.trim.below) image.accepted.delete(slot);
      return;
  }
}
