import {
  describeValue,
  majorityOf,
  type RulingConfiguration,
  sameValue,
  type TrimRecord,
  type Value,
} from "@synod/core";
import { reportsIn, type StateImage } from "./application.js";
import { Violation } from "./violation.js";

/** What is known of one replica's directories. */
interface Directories {
  store: string;
  /** A report of the present store was decided: until then the one before counts, as for the replicas. */
  introduced: boolean;
  /** What the one before had when it was lost. */
  lost: number;
  /** Of the last report that counts. */
  number: number;
}

/** Slots as the checker of votes sees them. */
export interface Chosen {
  value(slot: number): Value | undefined;
  /** The configurations decided below a slot. */
  configurationsBelow(slot: number): readonly RulingConfiguration[];
}

/**
 * Watches what replicas have on their true disks, what is trimmed on the strength of that (rule 18), and what snapshots
 * bring (rule 19); believes no report.
 */
export class ReplicaChecker {
  readonly #chosen: Chosen;
  readonly #directories = new Map<string, Directories>();
  /** By store, lost ones too: everything up to this slot was on it. */
  readonly #durable = new Map<string, number>();
  /** What a majority of the replicas had on disk when each slot was chosen, and all below it. */
  readonly #heldAt = [0];
  /** After each slot, by number: how many commands had been executed, and the last of them. */
  readonly #after: { readonly executed: number; readonly last: string | undefined }[] = [
    { executed: 0, last: undefined },
  ];
  readonly #trimmed = new Map<string, number>();
  #trimPoint = 0;
  #moves = 0;
  #lateReports = 0;

  constructor(replicas: readonly string[], chosen: Chosen) {
    this.#chosen = chosen;
    for (const id of replicas) {
      this.#directories.set(id, { store: `store-${id}`, introduced: false, lost: 0, number: 0 });
      this.#durable.set(`store-${id}`, 0);
    }
  }

  /** How often the trim point moved. */
  get moves(): number {
    return this.#moves;
  }

  /** How often a report of a store was decided after one of the store that followed it. */
  get lateReports(): number {
    return this.#lateReports;
  }

  get trimPoint(): number {
    return this.#trimPoint;
  }

  /** The next slot, in order, is chosen. */
  next(slot: number, value: Value): void {
    this.#heldAt[slot] = this.#held();
    for (const report of reportsIn(value)) {
      const durable = this.#durable.get(report.store) ?? 0;
      if (report.slot > durable)
        throw new Violation(
          `${report.replica} reported slot ${report.slot} of ${report.store}, which has slot ${durable}`,
        );
      const directories = this.#directories.get(report.replica) as Directories;
      if (report.number !== directories.number + 1) {
        if (directories.introduced && report.store !== directories.store) this.#lateReports++;
        continue;
      }
      directories.number++;
      directories.introduced = report.store === directories.store;
    }
  }

  durable(store: string, slot: number): void {
    const before = this.#durable.get(store) ?? 0;
    if (slot < before) throw new Violation(`${store} had slot ${before} on disk, and has slot ${slot}`);
    this.#durable.set(store, slot);
  }

  lost(replica: string, store: string): void {
    const directories = this.#directories.get(replica) as Directories;
    const had = this.#durable.get(directories.store) ?? 0;
    directories.lost = directories.introduced ? had : Math.max(had, directories.lost);
    directories.store = store;
    directories.introduced = false;
    this.#durable.set(store, 0);
  }

  /**
   * The promise holds while no majority's directories are lost at once; a replica whose new store was reported, and has
   * what was trimmed, has got over its loss.
   */
  mayLose(replica: string): boolean {
    const wanting = [...this.#directories].filter(
      ([id, { store, introduced }]) =>
        id !== replica &&
        store !== `store-${id}` &&
        !(introduced && (this.#durable.get(store) ?? 0) >= this.#trimPoint),
    );
    return wanting.length + 1 < majorityOf(this.#directories.size);
  }

  applies(replica: string, slot: number, value: Value, { slot: applied, executed, names }: StateImage): void {
    if (applied !== slot)
      throw new Violation(`${replica} applied slot ${slot} to a state that is at slot ${applied - 1}`);
    const chosen = this.#chosen.value(slot);
    if (!chosen || !sameValue(chosen, value))
      throw new Violation(
        `${replica} applied ${describeValue(value)} in slot ${slot}; chosen is ${chosen ? describeValue(chosen) : "nothing"}`,
      );
    const last = names[executed - 1];
    this.#after[slot] ??= { executed, last };
    this.#compare(`${replica} after slot ${slot}`, slot, executed, last);
  }

  /** Rule 19: a snapshot is of a slot above what was applied, and has everything that was executed up to there. */
  installs(replica: string, appliedSlot: number, image: StateImage): void {
    if (image.slot <= appliedSlot)
      throw new Violation(
        `${replica} is at slot ${appliedSlot}, and took in a snapshot of slot ${image.slot}`,
      );
    const last = image.names[image.executed - 1];
    this.#compare(`the snapshot that ${replica} took in`, image.slot, image.executed, last);
  }

  #compare(what: string, slot: number, executed: number, last: string | undefined): void {
    const after = this.#after[slot];
    if (after?.executed !== executed || after.last !== last)
      throw new Violation(
        `${what} has ${executed} commands, the last of them ${last}; expected ${after?.executed} and ${after?.last}`,
      );
  }

  /** By what was decided in `slot`, a replica takes everything up to `trimPoint` to be on disk at a majority. */
  trimPointMoved(slot: number, trimPoint: number): void {
    const held = this.#heldAt[slot] ?? 0;
    if (trimPoint > held)
      throw new Violation(
        `slot ${slot} moved the trim point to ${trimPoint}, but a majority of the replicas had slot ${held} on disk`,
      );
    if (trimPoint <= this.#trimPoint) return;
    this.#trimPoint = trimPoint;
    this.#moves++;
  }

  /** Somebody says, or an acceptor is about to write, that everything below a slot may be forgotten. */
  claims(who: string, { below, configurations }: TrimRecord): void {
    if (below > this.#trimPoint + 1)
      throw new Violation(
        `${who} takes slots below ${below} as trimmed; the trim point is ${this.#trimPoint}`,
      );
    for (const { from, configuration } of this.#chosen.configurationsBelow(below)) {
      if (
        configurations.some(
          (known) => known.from === from && known.configuration.number === configuration.number,
        )
      )
        continue;
      throw new Violation(
        `the trim record below ${below} of ${who} lacks configuration ${configuration.number}`,
      );
    }
  }

  /** What is on an acceptor's disk. */
  acceptorTrimmed(store: string, below: number): void {
    const before = this.#trimmed.get(store) ?? 1;
    if (below < before)
      throw new Violation(`the trim record of ${store} went back from ${before} to ${below}`);
    this.#trimmed.set(store, below);
  }

  /** The slot up to which a majority has everything, were all disks looked into now. */
  #held(): number {
    const slots = [...this.#directories.values()].map(({ store, introduced, lost }) => {
      const durable = this.#durable.get(store) ?? 0;
      return introduced ? durable : Math.max(durable, lost);
    });
    return slots.sort((a, b) => b - a)[majorityOf(slots.length) - 1] ?? 0;
  }
}
