import * as grpc from "@grpc/grpc-js";
import { maxOpenSnapshots, type ReplicaStore, type StateSnapshot } from "@synod/storage";
import type { Scheduler, SnapshotRequest } from "@synod/wire";
import { CallError } from "../../transport/server.js";
import type { Readers } from "./readers.js";
import { SentPages } from "./sent-pages.js";

/** Of the places for snapshots so many are for members alone: whoever saves a backup never keeps a replica from coming back. */
const placesForMembers = maxOpenSnapshots / 2;
/** Backups that are read at a time, of one snapshot or of several: what each has under way is kept in memory. */
const mostBackups = 8;
/** A backup that nobody reads any more is kept for so long, for whoever wants to go on with it. */
const idleMs = 30_000;
/** One that was opened longer ago is not shared, or readers who come one after another would keep it open all the time. */
const sharedMs = 10_000;
/** The least speed is a page in this time, on average. A page has 512 KiB or 1,000 rows. */
export const msForPage = 1_000;
/** A reader may be so much slower before the least speed is demanded of it. */
export const slackMs = 60_000;
/** The same for a member, whose connection may break, and whose process may start anew. */
const memberSlackMs = 10 * 60_000;

interface Membership {
  /** The number of its requests under way: one over a connection that broke may be noticed after the next. */
  streams: number;
  /** It was sent some of it. */
  given: boolean;
}

/** A snapshot that is kept for readers. */
export interface KeptSnapshot {
  readonly name: string;
  readonly snapshot: StateSnapshot;
  /** The slot that a majority agreed in when it was opened. */
  readonly confirmed: number;
  readonly sent: SentPages;
  /** The members that have begun to read it and are not known to be beyond it. */
  readonly members: Map<string, Membership>;
  readonly openedMs: number;
  /** The bytes of the disk that were taken when it was opened. */
  readonly usedBytes: number;
  /** The number of those who read it now. */
  streams: number;
  idleSinceMs: number;
  /** The reason why it was let go of. */
  over: string | undefined;
}

export interface KeptSnapshotsOptions {
  readonly store: Pick<ReplicaStore, "snapshot" | "usedBytes" | "log">;
  readonly scheduler: Scheduler;
  readonly readers: Readers;
  /** A name that nothing else has. */
  drawName(): string;
  /** The highest slot that a majority agrees in. */
  agreed(): number;
  /** The disk may grow by so many bytes because of one that is open. */
  maxGrowth(): number;
}

/**
 * The open snapshots of a replica's state, with their readers. lmdb cannot use freed pages again while one is open, so
 * that the file grows with every write: each is let go of as soon as nobody needs it, and at a bound.
 */
export class KeptSnapshots {
  readonly #options: KeptSnapshotsOptions;
  readonly #kept = new Map<string, KeptSnapshot>();
  /** Backups that are being opened. */
  #opening = 0;
  /** Streams of backups. */
  #backups = 0;

  constructor(options: KeptSnapshotsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Finds or cuts a snapshot to read from; the caller lets go of it with `leave`. Throws CallError. */
  async enter(request: SnapshotRequest): Promise<KeptSnapshot> {
    this.tidy();
    if (request.member !== "") return this.#enter(request);
    if (this.#backups >= mostBackups)
      throw new CallError(
        grpc.status.RESOURCE_EXHAUSTED,
        `${mostBackups} backups are being read already; ask again when one has ended, or ask another replica`,
      );
    this.#backups++;
    try {
      return await this.#enter(request);
    } catch (error) {
      this.#backups--;
      throw error;
    }
  }

  async #enter(request: SnapshotRequest): Promise<KeptSnapshot> {
    const kept = await this.#find(request);
    const { member } = request;
    // While it was being opened another state may have taken its place, and the log with it.
    if (!this.#helps(kept, member)) {
      this.#dropUnneeded(kept);
      throw withoutLog(kept);
    }
    if (member !== "") {
      for (const other of this.#kept.values()) if (other !== kept) other.members.delete(member);
      const membership = kept.members.get(member) ?? { streams: 0, given: false };
      membership.streams++;
      kept.members.set(member, membership);
      this.#options.readers.readsState(member, kept.snapshot.slot);
    }
    kept.streams++;
    return kept;
  }

  /** Throws CallError when the log behind it is not kept for the member any more: with the rest of it nobody could go on. */
  require(kept: KeptSnapshot, member: string): void {
    if (member !== "" && !kept.members.has(member)) throw withoutLog(kept);
  }

  /** Its reader takes no more of it, having been sent all of it, a part, or nothing. */
  leave(kept: KeptSnapshot, member: string, sent: "all" | "part" | "nothing"): void {
    kept.idleSinceMs = this.#options.scheduler.nowMs();
    kept.streams--;
    if (member === "") this.#backups--;
    const needless = member !== "" && !kept.members.has(member);
    this.#leaves(kept, member, sent !== "nothing");
    // A backup goes on with none that was sent to its end. A member may have lost the last page, until it says otherwise.
    if (sent === "all" || needless) this.#dropUnneeded(kept);
  }

  #leaves({ members }: KeptSnapshot, member: string, given: boolean): void {
    const membership = members.get(member);
    if (membership === undefined) return;
    membership.streams--;
    membership.given ||= given;
    if (membership.streams > 0 || membership.given) return;
    members.delete(member);
    this.#options.readers.forget(member);
  }

  /** The member has everything up to the slot. */
  beyond(member: string, slot: number): void {
    for (const kept of this.#kept.values())
      if (kept.snapshot.slot <= slot && kept.members.delete(member)) this.#dropUnneeded(kept);
  }

  /** Lets go of what nobody needs, and of what is open for too long or holds too much of the disk. */
  tidy(): void {
    const { readers, scheduler } = this.#options;
    const now = scheduler.nowMs();
    for (const kept of this.#kept.values()) {
      for (const member of kept.members.keys()) if (!readers.has(member)) kept.members.delete(member);
      const { streams, members, idleSinceMs } = kept;
      const bound = this.#beyondBound(kept, now);
      if (bound !== undefined) this.#drop(kept, bound);
      else if (streams === 0 && members.size === 0 && now - idleSinceMs >= idleMs)
        this.#drop(kept, "nobody reads it");
    }
  }

  close(): void {
    for (const kept of this.#kept.values()) this.#drop(kept, "this replica is shutting down");
  }

  #beyondBound({ members, sent, openedMs, usedBytes }: KeptSnapshot, now: number): string | undefined {
    const { store, maxGrowth } = this.#options;
    const slack = members.size > 0 ? memberSlackMs : slackMs;
    if (now - openedMs > slack + sent.pages * msForPage)
      return `it was open for ${Math.round((now - openedMs) / 1000)} s and read slower than a page in ${msForPage} ms`;
    const growth = store.usedBytes - usedBytes;
    return growth > maxGrowth() ? `the disk grew by ${growth} bytes while it was open` : undefined;
  }

  async #find({ resume, above, member }: SnapshotRequest): Promise<KeptSnapshot> {
    if (resume !== undefined) {
      const kept = this.#kept.get(resume.snapshot);
      if (kept !== undefined && this.#helps(kept, member)) return kept;
      throw new CallError(
        grpc.status.NOT_FOUND,
        `snapshot ${resume.snapshot} is not kept any more; ask for another`,
      );
    }
    const usable = [...this.#kept.values()]
      .filter((kept) => kept.snapshot.slot > above && this.#helps(kept, member))
      .reverse();
    // One that is being sent anyway will do for another reader as well, while it is young.
    const oldest = this.#options.scheduler.nowMs() - sharedMs;
    const young = usable.find(({ streams, openedMs }) => streams > 0 && openedMs >= oldest);
    if (young !== undefined) return young;
    if (!this.#makeRoom(member !== "")) {
      const shared = member === "" ? undefined : usable[0];
      if (shared !== undefined) return shared;
      throw new CallError(grpc.status.RESOURCE_EXHAUSTED, this.#noRoom());
    }
    return this.#open(above, member === "");
  }

  /** A member wants the log behind it too, which may have been let go of when no member read this one. */
  #helps({ snapshot: { slot } }: KeptSnapshot, member: string): boolean {
    const { first, last } = this.#options.store.log;
    return member === "" || (first === 0 ? last <= slot : first <= slot + 1);
  }

  /** False when there is none. A backup that nobody reads gives way: whoever wanted to go on with it begins again. */
  #makeRoom(forMember: boolean): boolean {
    const backups = [...this.#kept.values()].filter(({ members }) => members.size === 0);
    const full =
      this.#kept.size + this.#opening >= maxOpenSnapshots ||
      (!forMember && backups.length + this.#opening >= maxOpenSnapshots - placesForMembers);
    if (!full) return true;
    const idle = backups.find(({ streams }) => streams === 0);
    if (idle !== undefined) this.#drop(idle, "another reader needed its place");
    return idle !== undefined;
  }

  #noRoom(): string {
    const read = [...this.#kept.values()].map(({ name, members }) =>
      members.size > 0 ? `${name} by ${[...members.keys()].join(", ")}` : `${name} by a backup`,
    );
    return (
      `expected fewer readers: of ${maxOpenSnapshots} snapshots ${placesForMembers} are for replicas alone, and being read are ` +
      `${read.join("; ")}. Ask again when one has ended, or ask another replica`
    );
  }

  async #open(above: number, forBackup: boolean): Promise<KeptSnapshot> {
    const { store, scheduler, drawName, agreed } = this.#options;
    if (forBackup) this.#opening++;
    let snapshot: StateSnapshot;
    try {
      snapshot = await store.snapshot();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new CallError(grpc.status.RESOURCE_EXHAUSTED, error.message);
    } finally {
      if (forBackup) this.#opening--;
    }
    const { slot } = snapshot;
    if (slot <= above) {
      snapshot.close();
      throw new CallError(
        grpc.status.FAILED_PRECONDITION,
        `expected a replica with more than slot ${above} on its disk, found one with slot ${slot}`,
      );
    }
    const openedMs = scheduler.nowMs();
    const kept: KeptSnapshot = {
      ...{ name: `${slot}-${drawName()}`, snapshot, confirmed: agreed(), sent: new SentPages() },
      ...{ members: new Map<string, Membership>(), openedMs, usedBytes: store.usedBytes, streams: 0 },
      ...{ idleSinceMs: openedMs, over: undefined },
    };
    this.#kept.set(kept.name, kept);
    return kept;
  }

  #dropUnneeded(kept: KeptSnapshot): void {
    if (kept.streams === 0 && kept.members.size === 0) this.#drop(kept, "it was read to its end");
  }

  #drop(kept: KeptSnapshot, reason: string): void {
    kept.over = reason;
    this.#kept.delete(kept.name);
    kept.snapshot.close();
  }
}

/** Whoever hears this asks the same replica again, for what it has now. */
function withoutLog({ name }: KeptSnapshot): CallError {
  return new CallError(
    grpc.status.NOT_FOUND,
    `the log behind snapshot ${name} is not kept any more; ask for another snapshot`,
  );
}
