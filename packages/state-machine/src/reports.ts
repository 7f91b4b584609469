import { type Configuration, majorityOf, type OrderedMap } from "@synod/core";
import {
  checkpointKey,
  checkpointRange,
  divergenceKey,
  reportedHashKey,
  reportedHashRange,
  reportKey,
  reportRange,
  slotOfKey,
  trimPointKey,
} from "./layout.js";
import type { Report } from "./system-command.js";

/** The state at the end of a slot: replicas that agree have the same hash there. */
export interface Checkpoint {
  readonly slot: number;
  /** In hexadecimal. */
  readonly hash: string;
}

/** This replica differs from the others (rule 27). */
export interface Divergence {
  readonly slot: number;
  readonly own: string;
  /** Who reported which hash. */
  readonly reported: Readonly<Record<string, string>>;
  /** The hash of a majority; empty when no majority can agree any more. */
  readonly majority: string;
}

/** A replica keeps so many of its own checkpoints, to judge late reports by. */
const keptCheckpoints = 256;
/** Slots whose reported hashes are kept, to be compared. */
const keptReportedSlots = 32;

/**
 * What the replicas say of themselves, side by side in the replicated state: how far each is on disk (rule 18), and the
 * hashes of the same slots, by which each replica finds out whether it is the one that differs (rule 27).
 */
export class Reports {
  readonly #state: OrderedMap;
  /** Own, oldest first. They are the one thing here that may differ between replicas, and then they do for a reason. */
  readonly #checkpoints: Checkpoint[] = [];
  readonly #latest = new Map<string, Report>();
  /** By slot, oldest first; in each the hash by replica. */
  readonly #hashes = new Map<number, Map<string, string>>();
  #trimPoint = 0;
  #divergence: Divergence | undefined;

  constructor(state: OrderedMap) {
    this.#state = state;
    for (const [key, value] of state.range(checkpointRange))
      this.#checkpoints.push({ slot: slotOfKey(key), hash: Buffer.from(value).toString("hex") });
    for (const [, value] of state.range(reportRange)) {
      const report = JSON.parse(Buffer.from(value).toString()) as Report;
      this.#latest.set(report.replica, report);
    }
    for (const [key, value] of state.range(reportedHashRange))
      this.#hashesAt(slotOfKey(key)).set(
        Buffer.from(key.subarray(9)).toString(),
        Buffer.from(value).toString("hex"),
      );
    const trimPoint = state.get(trimPointKey);
    if (trimPoint !== undefined) this.#trimPoint = Number(Buffer.from(trimPoint).toString());
    const divergence = state.get(divergenceKey);
    if (divergence !== undefined) this.#divergence = JSON.parse(Buffer.from(divergence).toString());
  }

  /** Own checkpoints, oldest first. */
  get checkpoints(): readonly Checkpoint[] {
    return this.#checkpoints;
  }

  /** The last report of each replica, by its id. */
  get latest(): ReadonlyMap<string, Report> {
    return this.#latest;
  }

  /** A majority of the replicas of every configuration has everything up to this slot on disk; never falls. */
  get trimPoint(): number {
    return this.#trimPoint;
  }

  /** Set once this replica is known to differ: for good, since it stands in the state as well. */
  get divergence(): Divergence | undefined {
    return this.#divergence;
  }

  /**
   * What a majority reported of a slot against what a state says of itself there; undefined where nothing contradicts. A
   * snapshot that contradicts the reports is not to be installed.
   */
  contradiction(
    checkpoints: readonly Checkpoint[],
    { replicas }: Configuration,
  ): (Checkpoint & { readonly majority: string }) | undefined {
    for (const checkpoint of checkpoints) {
      const hashes = this.#hashes.get(checkpoint.slot);
      if (hashes === undefined) continue;
      const { hash, count } = mostReported(hashes, replicas);
      if (count >= majorityOf(replicas.length) && hash !== checkpoint.hash)
        return { ...checkpoint, majority: hash };
    }
    return undefined;
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
   */
  take(report: Report, configurations: readonly Configuration[]): void {
    if (report.number !== this.nextNumber(report.replica)) return;
    this.#latest.set(report.replica, report);
    this.#state.put(reportKey(report.replica), Buffer.from(JSON.stringify(report)));
    if (report.slot > 0) this.#keepHash(report);
    const inForce = configurations.at(-1);
    if (inForce !== undefined && report.slot > 0) this.#judge(report.slot, inForce);
    this.#trim(configurations);
  }

  #keepHash({ slot, replica, hash }: Report): void {
    this.#hashesAt(slot).set(replica, hash);
    this.#state.put(reportedHashKey(slot, replica), Buffer.from(hash, "hex"));
    while (this.#hashes.size > keptReportedSlots) {
      const oldest = Math.min(...this.#hashes.keys());
      for (const id of this.#hashes.get(oldest)?.keys() ?? [])
        this.#state.delete(reportedHashKey(oldest, id));
      this.#hashes.delete(oldest);
    }
  }

  #hashesAt(slot: number): Map<string, string> {
    const known = this.#hashes.get(slot);
    if (known !== undefined) return known;
    const hashes = new Map<string, string>();
    this.#hashes.set(slot, hashes);
    return hashes;
  }

  /** Rule 27: who differs from a majority stops; where no majority can agree any more, all stop. */
  #judge(slot: number, { replicas }: Configuration): void {
    const own = this.#checkpoints.find((checkpoint) => checkpoint.slot === slot)?.hash;
    const hashes = this.#hashes.get(slot);
    if (own === undefined || hashes === undefined || this.#divergence !== undefined) return;
    const { hash, count, reported } = mostReported(hashes, replicas);
    const needed = majorityOf(replicas.length);
    const agreed = count >= needed;
    if (agreed ? own === hash : count + replicas.length - reported >= needed) return;
    this.#divergence = {
      slot,
      own,
      reported: Object.fromEntries(hashes),
      majority: agreed ? hash : "",
    };
    this.#state.put(divergenceKey, Buffer.from(JSON.stringify(this.#divergence)));
  }

  #trim(configurations: readonly Configuration[]): void {
    const held = configurations.map(({ replicas }) => {
      const slots = replicas.map(({ id }) => this.#latest.get(id)?.slot ?? 0).sort((a, b) => b - a);
      return slots[majorityOf(replicas.length) - 1] ?? 0;
    });
    const trimPoint = Math.min(...held);
    if (!Number.isFinite(trimPoint) || trimPoint <= this.#trimPoint) return;
    this.#trimPoint = trimPoint;
    this.#state.put(trimPointKey, Buffer.from(String(trimPoint)));
  }
}

/** The hash that most members reported; on a tie the one that is first as text, as on every replica. */
function mostReported(hashes: ReadonlyMap<string, string>, replicas: Configuration["replicas"]) {
  const counts = new Map<string, number>();
  let reported = 0;
  for (const { id } of replicas) {
    const hash = hashes.get(id);
    if (hash === undefined) continue;
    reported++;
    counts.set(hash, (counts.get(hash) ?? 0) + 1);
  }
  const [most] = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return { hash: most?.[0] ?? "", count: most?.[1] ?? 0, reported };
}
