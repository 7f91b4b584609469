import { majorityOf, type RulingConfiguration, type TrimRecord, type Value } from "@synod/core";
import { type Report, systemCommandOf } from "@synod/state-machine";
import { batch } from "@synod/wire";
import { Violation } from "./violation.js";

/** The facts known of one replica's directories, the present one and those it lost. */
interface Directories {
  store: string;
  /** A report of the present store was decided: until then the one before counts, as for the replicas. */
  introduced: boolean;
  /** The last slot that the directory before had on disk when it was lost; 0 when none was. */
  lost: number;
  /** The number of the last report that counts. */
  number: number;
  /** The highest slot whose hash it reported, of whichever store. */
  reported: number;
  /** It asked for another's state once: whether it lacks one still is not known here. */
  lacked: boolean;
}

const nothing = { lost: 0, number: 0, reported: 0, lacked: false } as const;

/** Slots as the checker of votes sees them. */
export interface Chosen {
  /** The hash of the state after a slot. */
  hashAt(slot: number): string | undefined;
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
  /** By slot: the slot up to which a majority of the replicas had everything on disk when this one, and all below it, was chosen. */
  readonly #heldAt = [0];
  readonly #gone = new Set<string>();
  readonly #trimmed = new Map<string, number>();
  #trimPoint = 0;
  #moves = 0;
  #lateReports = 0;

  constructor(replicas: readonly string[], chosen: Chosen) {
    this.#chosen = chosen;
    for (const id of replicas) {
      this.#directories.set(id, { store: `store-${id}`, introduced: false, ...nothing });
      this.#durable.set(`store-${id}`, 0);
    }
  }

  /** The number of moves of the trim point. */
  get moves(): number {
    return this.#moves;
  }

  /** The number of reports of a store that were decided after one of the store that followed it. */
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
      if (report.slot > 0 && report.hash !== this.#chosen.hashAt(report.slot))
        throw new Violation(
          `${report.replica} reported another hash of slot ${report.slot} than the log has`,
        );
      const directories = this.#directories.get(report.replica) as Directories;
      if (report.number !== directories.number + 1) {
        if (directories.introduced && report.store !== directories.store) this.#lateReports++;
        continue;
      }
      directories.number++;
      directories.introduced = report.store === directories.store;
      directories.reported = Math.max(directories.reported, report.slot);
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

  /** It never returns: what it has on disk helps nobody any more. */
  left(replica: string): void {
    this.#gone.add(replica);
  }

  /** True when a replica may stay away for ever: nobody lags behind it and would wait for it to confirm another's state (rule 27). */
  mayLeave(replica: string): boolean {
    return this.mayLose(replica) && this.#othersHaveAllOf(replica);
  }

  /**
   * The promise holds while no majority's directories are lost at once; a replica whose new store was reported, and has
   * what was trimmed, has got over its loss. Once one is gone for good, every other one may be needed to confirm a state.
   */
  mayLose(replica: string): boolean {
    if (this.#gone.size > 0 && !this.#othersHaveAllOf(replica)) return false;
    const wanting = [...this.#directories].filter(
      ([id, { store, introduced }]) =>
        id !== replica &&
        (this.#gone.has(id) || store !== `store-${id}`) &&
        !(!this.#gone.has(id) && introduced && (this.#durable.get(store) ?? 0) >= this.#trimPoint),
    );
    return wanting.length + 1 < majorityOf(this.#directories.size);
  }

  /** Every other replica that is not gone has on disk what this one has. */
  #othersHaveAllOf(replica: string): boolean {
    const { store } = this.#directories.get(replica) as Directories;
    const slot = this.#durable.get(store) ?? 0;
    return [...this.#directories].every(
      ([id, other]) => this.#gone.has(id) || (this.#durable.get(other.store) ?? 0) >= slot,
    );
  }

  /** Rule 19: a snapshot is of a slot above what was applied. */
  installed(replica: string, appliedSlot: number, slot: number): void {
    if (slot <= appliedSlot)
      throw new Violation(`${replica} is at slot ${appliedSlot}, and took in a snapshot of slot ${slot}`);
    this.#demandConfirmed(replica, slot);
  }

  /** It asks for another's state: nobody waits for it to confirm one (rule 27). */
  lacks(replica: string): void {
    (this.#directories.get(replica) as Directories).lacked = true;
  }

  /** Rule 27: a majority of the others has reported the hash of such a state, or all that never lacked one. */
  #demandConfirmed(replica: string, slot: number): void {
    const others = [...this.#directories].filter(([id]) => id !== replica);
    const silent = others.filter(([, { reported }]) => reported < slot);
    if (others.length - silent.length >= majorityOf(others.length)) return;
    const awaited = silent.filter(([, { lacked }]) => !lacked).map(([id]) => id);
    if (awaited.length > 0)
      throw new Violation(
        `${replica} took in a snapshot of slot ${slot}, which ${awaited.join(", ")} had not confirmed`,
      );
  }

  /** After the decision of `slot`, replicas take everything up to `trimPoint` to be on disk at a majority; the point never falls. */
  trimPointMoved(slot: number, before: number, trimPoint: number): void {
    if (trimPoint < before)
      throw new Violation(`slot ${slot} moved the trim point back from ${before} to ${trimPoint}`);
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
        `the trim record of ${who} for slots below ${below} lacks configuration ${configuration.number}`,
      );
    }
  }

  /** The trim mark on an acceptor's disk never goes back. */
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

/** The reports that a slot decided. */
function reportsIn(value: Value): Report[] {
  if (value.kind !== "batch") return [];
  return batch.decode(value.commands).commands.flatMap((command) => {
    const said = systemCommandOf(command);
    return said?.kind === "report" ? [said.report] : [];
  });
}
