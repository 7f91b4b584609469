import { createHash } from "node:crypto";
import { eraRow } from "../sessions/session-record.js";
import { eraOf } from "../sessions/session-table.js";
import {
  type Applied,
  appliedKey,
  decodeApplied,
  encodeApplied,
  OtherStateFormat,
  sessionPrefix,
} from "./layout.js";

/** A key of the state and its value. */
export type StateRow = readonly [key: Uint8Array, value: Uint8Array];

/*
 * The treatment of each kind of row in a new cluster that goes on from a backup. Kinds that stand nowhere here are refused:
 * nobody can say what they would do there.
 *
 *   a  the hash is chained on with the new cluster's id, so that what handlers draw by chance in the next slot is not what
 *      the old cluster drew there; and no checkpoint was made yet, so that the new replicas soon compare theirs (rule 27)
 *   c  goes: configuration 1 is the new cluster file, and number 2 of the old chain would put the old members in force (22)
 *   d, e, f  stay: what waits for log time goes on waiting, since log time goes on
 *   h  goes: judged by reports that go as well (27)
 *   n  goes: the first batch of the new cluster says what its replicas execute commands on (32)
 *   o  goes: what the old replicas have on disk and offer says nothing of the new, and a replica that never reports again
 *      would keep services from being installed (18, 26)
 *   p  goes: a majority of the new replicas has to say for itself what it has on disk (18)
 *   r  goes: the old replicas' votes on the state's hash would be counted as those of the new with the same names (27)
 *   q  stays: the quota
 *   s  stays: a command of before the backup is never executed again; sessions opened from now on have names of their own
 *   t  stays, v stays: what services stored, and the versions that wrote it
 *   u  goes, as r does (34)
 *   w  goes: nothing of the old log is in the new one (32)
 *   x  refuses everything: a replica that differs from the others is no source, unless none is better and a person said so;
 *      then it goes
 *   y  goes: the slots it is about are executed
 */
const stays = new Set("defqstv");
const goes = new Set("chnopruwy");
const appliedKind = "a";
const divergedKind = "x";

/** A backup that no cluster can go on from. The message ends a sentence that begins with what was read. */
export class UnfitBackup extends Error {
  override readonly name = "UnfitBackup";
}

export interface Restoration {
  /** The slot that the state is of. */
  readonly slot: number;
  /** The new cluster's. */
  readonly clusterId: string;
}

/** Makes the state of a new cluster from the rows of a backup, which come in the order of their keys and leave so. */
export class RestoredRows {
  readonly #restoration: Restoration;
  #era: StateRow | undefined;

  constructor(restoration: Restoration) {
    this.#restoration = restoration;
    const { slot, clusterId } = restoration;
    this.#era = eraRow(sessionPrefix, { above: slot, name: eraOf(clusterId) });
  }

  /** The rows of the new cluster for the next rows of the backup. Throws UnfitBackup. */
  next(rows: readonly StateRow[]): StateRow[] {
    return rows.flatMap((row) => {
      // A cluster restored from this slot that decided nothing since begins its names here as well; they are given to nobody.
      if (this.#era !== undefined && Buffer.compare(this.#era[0], row[0]) === 0) return this.end();
      const before = this.#eraBefore(row[0]);
      const kind = kindOf(row[0]);
      if (stays.has(kind)) return [...before, row];
      return kind === appliedKind ? [...before, this.#applied(row)] : before;
    });
  }

  /** The rows of the new cluster that follow the last of the backup. */
  end(): StateRow[] {
    const rest = this.#era === undefined ? [] : [this.#era];
    this.#era = undefined;
    return rest;
  }

  #eraBefore(key: Uint8Array): StateRow[] {
    return this.#era !== undefined && Buffer.compare(this.#era[0], key) < 0 ? this.end() : [];
  }

  #applied([key, value]: StateRow): StateRow {
    const { hash, ...applied } = appliedIn(value);
    const chained = createHash("sha256").update("restored").update(this.#restoration.clusterId).update(hash);
    const next: Applied = { ...applied, slotsSinceCheckpoint: 1, hash: chained.digest() };
    return [key, encodeApplied(next)];
  }
}

/** A service's part of a state. */
export interface ServicePart {
  readonly name: string;
  /** In force; undefined when none is, and 0 when it was taken out of use. */
  readonly version: number | undefined;
  readonly keys: number;
  /** Of keys and values. */
  readonly bytes: number;
}

/** The facts about a state that its rows tell. */
export class StateContents {
  readonly #mayDiffer: boolean;
  #applied: Applied | undefined;
  readonly #versions = new Map<string, number>();
  readonly #stored = new Map<string, { keys: number; bytes: number }>();
  keys = 0;
  /** Of keys and values. */
  bytes = 0;
  /** Open sessions. */
  sessions = 0;
  /** Commands that wait for log time. */
  scheduled = 0;

  /** @param mayDiffer a state that differs from the others' will do: every replica has stopped */
  constructor(mayDiffer = false) {
    this.#mayDiffer = mayDiffer;
  }

  /** Takes the next rows. Throws UnfitBackup where no cluster could go on from them. */
  add(rows: readonly StateRow[]): void {
    for (const row of rows) this.#add(row);
  }

  /** Commands executed, log time in milliseconds. Throws UnfitBackup unless the state is that of the slot. */
  applied(slot: number): Pick<Applied, "revision" | "logTimeMs"> {
    const found = this.#applied?.slot;
    if (this.#applied !== undefined && found === slot) return this.#applied;
    throw new UnfitBackup(
      `expected the state after slot ${slot}, found ${found === undefined ? "none" : `that after slot ${found}`}`,
    );
  }

  get services(): readonly ServicePart[] {
    const names = new Set([...this.#versions.keys(), ...this.#stored.keys()]);
    return [...names].sort().map((name) => ({
      name,
      version: this.#versions.get(name),
      ...(this.#stored.get(name) ?? { keys: 0, bytes: 0 }),
    }));
  }

  #add([key, value]: StateRow): void {
    this.keys++;
    this.bytes += key.length + value.length;
    const kind = kindOf(key);
    if (kind === divergedKind && this.#mayDiffer) return;
    if (kind === divergedKind)
      throw new UnfitBackup(
        `it is of a replica that differs from the others (${Buffer.from(value).toString().slice(0, 200)}); ` +
          "expected one that agrees with them: take a backup from another replica",
      );
    if (kind === appliedKind && key.length === appliedKey.length) this.#applied = appliedIn(value);
    else if (kind === "s") this.sessions += key[1] === 0 ? 1 : 0;
    else if (kind === "d" || kind === "f") this.scheduled++;
    else if (kind === "v") this.#versions.set(textOf(key.subarray(1)), Number(textOf(value)));
    else if (kind === "t") this.#count(textOf(key.subarray(1, key.indexOf(0, 1))), key, value);
    else if (!stays.has(kind) && !goes.has(kind))
      throw new UnfitBackup(
        `expected rows of the kinds this version of Synod knows, found one of kind ${JSON.stringify(kind)}; ` +
          "use the version that wrote it",
      );
  }

  #count(service: string, key: Uint8Array, value: Uint8Array): void {
    const part = this.#stored.get(service) ?? { keys: 0, bytes: 0 };
    part.keys++;
    part.bytes += key.length + value.length;
    this.#stored.set(service, part);
  }
}

function appliedIn(value: Uint8Array): Applied {
  try {
    return decodeApplied(value);
  } catch (error) {
    if (!(error instanceof OtherStateFormat)) throw error;
    throw new UnfitBackup(error.message);
  }
}

function kindOf(key: Uint8Array): string {
  return String.fromCharCode(key[0] ?? 0);
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
