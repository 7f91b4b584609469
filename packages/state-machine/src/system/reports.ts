import { type Configuration, majorityOf, type OrderedMap } from "@synod/core";
import { judgementPatienceMs } from "../engine/limits.js";
import {
  checkpointKey,
  checkpointRange,
  divergenceKey,
  reportKey,
  reportRange,
  slotOfKey,
  trimPointKey,
  unjudgedKey,
} from "../state/layout.js";
import { ReportedHashes } from "./reported-hashes.js";
import type { Checkpoint, Report } from "./system-command.js";

/** This replica differs from the others (rule 27). */
export interface Divergence {
  readonly slot: number;
  readonly own: string;
  /** The hash that each replica reported, by its id. */
  readonly reported: Readonly<Record<string, string>>;
  /** The hash of a majority; empty when no majority can agree any more. */
  readonly majority: string;
}

/**
 * Replicas differ, and no majority agrees on who is right (rule 34). The same on every replica. It ends when a replica that
 * was away reports, or one of those that differ comes back with another store.
 */
export interface Unjudged {
  /** The first checkpoint at which they differ. */
  readonly slot: number;
  /** Log time when that was seen. */
  readonly sinceMs: number;
  /** The hash that each replica reported there, by its id. */
  readonly reported: Readonly<Record<string, string>>;
  /** Nobody has judged in time: no replica may answer anything until somebody has. */
  readonly stops: boolean;
}

/** A replica keeps so many of its own checkpoints, to judge late reports by. */
const keptCheckpoints = 256;

/**
 * The replicas' reports, side by side in the replicated state: how far each is on disk (rule 18), and the
 * hashes of the same slots, by which each replica finds out whether it is the one that differs (rule 27).
 */
export class Reports {
  readonly #state: OrderedMap;
  /** Own, oldest first. They are the one thing here that may differ between replicas, and then they do for a reason. */
  readonly #checkpoints: Checkpoint[] = [];
  readonly #latest = new Map<string, Report>();
  readonly #hashes: ReportedHashes;
  #trimPoint = 0;
  #divergence: Divergence | undefined;
  #unjudged: { readonly slot: number; readonly sinceMs: number } | undefined;

  constructor(state: OrderedMap) {
    this.#state = state;
    for (const [key, value] of state.range(checkpointRange))
      this.#checkpoints.push({ slot: slotOfKey(key), hash: Buffer.from(value).toString("hex") });
    for (const [, value] of state.range(reportRange)) {
      const report = JSON.parse(Buffer.from(value).toString()) as Report;
      this.#latest.set(report.replica, report);
    }
    this.#hashes = new ReportedHashes(state);
    const trimPoint = state.get(trimPointKey);
    if (trimPoint !== undefined) this.#trimPoint = Number(Buffer.from(trimPoint).toString());
    const divergence = state.get(divergenceKey);
    if (divergence !== undefined) this.#divergence = JSON.parse(Buffer.from(divergence).toString());
    const unjudged = state.get(unjudgedKey);
    if (unjudged !== undefined) this.#unjudged = JSON.parse(Buffer.from(unjudged).toString());
  }

  /** Own checkpoints, oldest first. */
  get checkpoints(): readonly Checkpoint[] {
    return this.#checkpoints;
  }

  /** The last report of each replica, by its id. */
  get latest(): ReadonlyMap<string, Report> {
    return this.#latest;
  }

  /**
   * A majority of the replicas of every configuration has everything up to this slot on disk, and the same; never falls. What
   * replicas differ in is not forgotten, so it can still be executed by whoever was right.
   */
  get trimPoint(): number {
    return this.#trimPoint;
  }

  /** Set once this replica is known to differ: for good, since it stands in the state as well. */
  get divergence(): Divergence | undefined {
    return this.#divergence;
  }

  /** @param logTimeMs as it is now */
  unjudged(logTimeMs: number): Unjudged | undefined {
    if (this.#unjudged === undefined) return undefined;
    const { slot, sinceMs } = this.#unjudged;
    const later = (this.#checkpoints.at(-1)?.slot ?? 0) > slot;
    return {
      slot,
      sinceMs,
      reported: this.#reportedAt(slot),
      stops: later && logTimeMs - sinceMs >= judgementPatienceMs,
    };
  }

  /**
   * The hash that a majority reported of a slot, where it contradicts the one that a state has there; undefined otherwise. A
   * snapshot that contradicts the reports is not to be installed.
   */
  contradiction(
    checkpoints: readonly Checkpoint[],
    { replicas }: Configuration,
  ): (Checkpoint & { readonly majority: string }) | undefined {
    for (const checkpoint of checkpoints) {
      const { hash, agreed } = this.#hashes.tally(checkpoint.slot, replicas);
      if (agreed && hash !== checkpoint.hash) return { ...checkpoint, majority: hash };
    }
    return undefined;
  }

  /** The highest slot at which a majority of all replicas reported the hash that this one has there; 0 when there is none. */
  agreed({ replicas }: Configuration): number {
    const agreed = this.#checkpoints.findLast(
      ({ slot, hash }) => this.#saying(slot, hash, replicas).length >= majorityOf(replicas.length),
    );
    return agreed?.slot ?? 0;
  }

  /**
   * The replicas still waited for before another may go on from this state as it was after a slot (rule 27): a majority of the
   * others has to have reported, at a checkpoint at or above it, the hash that this one has there, or all of them but those
   * that lack a state themselves. Empty when they have.
   * @param lacking those that cannot execute such a slot before they get somebody's state: nothing of theirs can contradict it
   */
  unconfirmed(
    slot: number,
    replica: string,
    { replicas }: Configuration,
    lacking: ReadonlySet<string> = new Set(),
  ): readonly string[] {
    const others = replicas.filter(({ id }) => id !== replica);
    const needed = others.length === 0 ? 0 : majorityOf(others.length);
    let most: readonly string[] = [];
    for (const checkpoint of this.#checkpoints) {
      if (checkpoint.slot < slot) continue;
      const saying = this.#saying(checkpoint.slot, checkpoint.hash, others);
      if (saying.length > most.length) most = saying;
    }
    if (most.length >= needed) return [];
    return others.map(({ id }) => id).filter((id) => !most.includes(id) && !lacking.has(id));
  }

  /** Of these replicas, those that reported this hash of a slot. */
  #saying(slot: number, hash: string, replicas: Configuration["replicas"]): readonly string[] {
    const said = this.#hashes.at(slot);
    return replicas.map(({ id }) => id).filter((id) => said.get(id)?.hash === hash);
  }

  /** The state was hashed at the end of this slot. */
  note(slot: number, hash: Uint8Array): void {
    this.#checkpoints.push({ slot, hash: Buffer.from(hash).toString("hex") });
    this.#state.put(checkpointKey(slot), hash);
    while (this.#checkpoints.length > keptCheckpoints)
      this.#state.delete(checkpointKey((this.#checkpoints.shift() as Checkpoint).slot));
  }

  /** The number of the next report of a replica. */
  nextNumber(replica: string): number {
    return (this.#latest.get(replica)?.number ?? 0) + 1;
  }

  /**
   * A report was decided. One that does not follow the replica's last says nothing: it was under way while a later one was
   * decided, and might speak of a store that is lost since (rule 18).
   * @param configurations those not retired, the one in force last
   * @param logTimeMs as it is now
   */
  take(report: Report, configurations: readonly Configuration[], logTimeMs: number): void {
    if (report.number !== this.nextNumber(report.replica)) return;
    const { earlier, ...said } = report;
    this.#latest.set(report.replica, { ...said, earlier: [] });
    this.#state.put(reportKey(report.replica), Buffer.from(JSON.stringify(this.#latest.get(report.replica))));
    const { replica, store, slot, hash } = report;
    const checkpoints = slot === 0 ? [] : [...earlier, { slot, hash }];
    for (const each of checkpoints)
      this.#hashes.keep(replica, each.slot, { hash: each.hash, store }, this.#unjudged?.slot);
    const inForce = configurations.at(-1);
    if (inForce !== undefined) {
      for (const each of checkpoints) this.#judge(each.slot, inForce);
      this.#lookForDifference(checkpoints, inForce, logTimeMs);
    }
    this.#trim(configurations);
  }

  /** Rule 27: who differs from a majority stops; where no majority can agree any more, all stop. */
  #judge(slot: number, { replicas }: Configuration): void {
    const own = this.#checkpoints.find((checkpoint) => checkpoint.slot === slot)?.hash;
    if (own === undefined || this.#divergence !== undefined) return;
    const { hash, count, reported, agreed } = this.#hashes.tally(slot, replicas);
    const needed = majorityOf(replicas.length);
    if (agreed ? own === hash : count + replicas.length - reported >= needed) return;
    this.#divergence = {
      slot,
      own,
      reported: this.#reportedAt(slot),
      majority: agreed ? hash : "",
    };
    this.#state.put(divergenceKey, Buffer.from(JSON.stringify(this.#divergence)));
  }

  /**
   * Rule 34: notes the first slot at which replicas differ while no majority agrees there, or above: a hash holds all hashes
   * before it. Who differs from a majority already, and waits to be replaced, is no part of it.
   */
  #lookForDifference(checkpoints: readonly Checkpoint[], inForce: Configuration, logTimeMs: number): void {
    const known = this.#unjudged;
    const looked = known === undefined ? checkpoints.map(({ slot }) => slot) : [known.slot];
    const agreed = this.#agreedSlot(inForce.replicas);
    const slot = looked.find((each) => each > agreed && this.#differs(each, inForce.replicas));
    if (slot === known?.slot) return;
    this.#unjudged = slot === undefined ? undefined : { slot, sinceMs: logTimeMs };
    if (this.#unjudged === undefined) this.#state.delete(unjudgedKey);
    else this.#state.put(unjudgedKey, Buffer.from(JSON.stringify(this.#unjudged)));
  }

  /** Whose present store contradicted a majority: it has to be replaced. */
  outvoted(replicas: Configuration["replicas"]): ReadonlySet<string> {
    const outvoted = new Set<string>();
    for (const slot of this.#hashes.slots) {
      const { hash, agreed } = this.#hashes.tally(slot, replicas);
      if (!agreed) continue;
      for (const [id, said] of this.#hashes.at(slot))
        if (said.hash !== hash && this.#isPresent(id, said.store)) outvoted.add(id);
    }
    return outvoted;
  }

  #differs(slot: number, replicas: Configuration["replicas"]): boolean {
    if (!this.#hashes.tally(slot, replicas, (id, { store }) => this.#isPresent(id, store)).differ)
      return false;
    const outvoted = this.outvoted(replicas);
    return this.#hashes.tally(
      slot,
      replicas,
      (id, { store }) => this.#isPresent(id, store) && !outvoted.has(id),
    ).differ;
  }

  /** By replica, in the order of their ids, whoever reported first. */
  #reportedAt(slot: number): Readonly<Record<string, string>> {
    const reported = [...this.#hashes.at(slot)].map(([id, { hash }]) => [id, hash] as const);
    return Object.fromEntries(reported.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #isPresent(replica: string, store: string): boolean {
    return this.#latest.get(replica)?.store === store;
  }

  /** The highest slot of which a majority reported the same, and which is on its disks; 0 for none. */
  #agreedSlot(replicas: Configuration["replicas"]): number {
    const holds =
      (slot: number) =>
      (id: string, { store }: { readonly store: string }) =>
        this.#isPresent(id, store) && (this.#latest.get(id)?.slot ?? 0) >= slot;
    return this.#hashes.slots.find((slot) => this.#hashes.tally(slot, replicas, holds(slot)).agreed) ?? 0;
  }

  #trim(configurations: readonly Configuration[]): void {
    const trimPoint = Math.min(...configurations.map(({ replicas }) => this.#agreedSlot(replicas)));
    if (!Number.isFinite(trimPoint) || trimPoint <= this.#trimPoint) return;
    this.#trimPoint = trimPoint;
    this.#state.put(trimPointKey, Buffer.from(String(trimPoint)));
  }
}
