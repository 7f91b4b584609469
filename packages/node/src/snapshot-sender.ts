import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { setImmediate as nextTurn } from "node:timers/promises";
import * as grpc from "@grpc/grpc-js";
import type { ReplicaStore, StateSnapshot } from "@synod/storage";
import { type Incoming, Invalid, type SnapshotPage, type SnapshotRequest } from "@synod/wire";
import { CallError, statusOf } from "./server.js";
import { nextDigest, noDigest } from "./snapshot-digest.js";

export type SnapshotCall = grpc.ServerWritableStream<Incoming<SnapshotRequest>, Incoming<SnapshotPage>>;

const pageBytes = 512 << 10;
/** A snapshot that nobody reads any more is kept for so long, for whoever wants to go on with it. */
const keptMs = 30_000;
/** lmdb's file grows while one is open, so none is for longer. */
const longestMs = 10 * 60_000;
/** A reader that takes nothing for so long is given up. */
const drainMs = 20_000;

export interface SnapshotSenderOptions {
  readonly store: Pick<ReplicaStore, "snapshot" | "durableSlot">;
  readonly clusterId: string;
  /** Why this replica's state is not to be had; undefined when it is. */
  refusal(): string | undefined;
}

interface Kept {
  readonly name: string;
  readonly snapshot: StateSnapshot;
  readonly closing: NodeJS.Timeout;
  readers: number;
  idle: NodeJS.Timeout | undefined;
}

/** Gives the replicated state to replicas that lag too far and to backups, page by page, while commands go on. */
export class SnapshotSender {
  readonly #options: SnapshotSenderOptions;
  readonly #kept = new Map<string, Kept>();

  constructor(options: SnapshotSenderOptions) {
    this.#options = options;
  }

  /** The lowest slot of a snapshot that is kept: its reader will want the log from there. Undefined when there is none. */
  get lowestSlot(): number | undefined {
    const slots = [...this.#kept.values()].map(({ snapshot }) => snapshot.slot);
    return slots.length === 0 ? undefined : Math.min(...slots);
  }

  async serve(call: SnapshotCall): Promise<void> {
    call.on("error", () => {});
    try {
      const { request } = call;
      if (request instanceof Invalid) throw request.error;
      await this.#send(call, request);
      call.end();
    } catch (error) {
      if (!call.cancelled) call.emit("error", statusOf(error));
    }
  }

  close(): void {
    for (const kept of [...this.#kept.values()]) this.#drop(kept);
  }

  async #send(call: SnapshotCall, request: SnapshotRequest): Promise<void> {
    const { clusterId } = this.#options;
    if (request.clusterId !== "" && request.clusterId !== clusterId)
      throw new CallError(
        grpc.status.FAILED_PRECONDITION,
        `expected a request from cluster ${clusterId}, found one from ${request.clusterId}`,
      );
    const kept = await this.#find(request);
    this.#use(kept);
    try {
      let { after, digest } = request.resume ?? { after: undefined, digest: noDigest };
      if (after?.length === 0) after = undefined;
      for (let last = false; !last && !call.cancelled; ) {
        this.#refuse();
        const { entries, done } = kept.snapshot.page(after, pageBytes);
        after = entries.at(-1)?.[0] ?? after;
        digest = nextDigest(digest, entries);
        last = done;
        const { slot } = kept.snapshot;
        await written(call, { snapshot: kept.name, slot, clusterId, entries, digest, last });
      }
    } finally {
      this.#leave(kept);
    }
  }

  #refuse(): void {
    const refusal = this.#options.refusal();
    if (refusal !== undefined) throw new CallError(grpc.status.FAILED_PRECONDITION, refusal);
  }

  async #find({ resume, above }: SnapshotRequest): Promise<Kept> {
    this.#refuse();
    if (resume !== undefined) {
      const kept = this.#kept.get(resume.snapshot);
      if (kept !== undefined) return kept;
      throw new CallError(
        grpc.status.NOT_FOUND,
        `snapshot ${resume.snapshot} is not kept any more; ask for another`,
      );
    }
    // One that is being sent anyway will do for another reader as well.
    for (const kept of this.#kept.values()) if (kept.snapshot.slot > above && kept.readers > 0) return kept;
    const snapshot = await this.#open();
    if (snapshot.slot <= above) {
      snapshot.close();
      throw new CallError(
        grpc.status.FAILED_PRECONDITION,
        `expected a replica with more than slot ${above} on its disk, found one with slot ${snapshot.slot}`,
      );
    }
    return this.#keep(snapshot);
  }

  async #open(): Promise<StateSnapshot> {
    try {
      return await this.#options.store.snapshot();
    } catch (error) {
      // Most of those that nobody reads were read to the end: they make room for one that is wanted.
      const idle = [...this.#kept.values()].find(({ readers }) => readers === 0);
      if (error instanceof RangeError && idle !== undefined) {
        this.#drop(idle);
        return this.#open();
      }
      if (error instanceof RangeError) throw new CallError(grpc.status.RESOURCE_EXHAUSTED, error.message);
      throw error;
    }
  }

  #keep(snapshot: StateSnapshot): Kept {
    const name = `${snapshot.slot}-${randomBytes(8).toString("hex")}`;
    const closing = setTimeout(() => this.#drop(kept), longestMs);
    closing.unref();
    const kept: Kept = { name, snapshot, closing, readers: 0, idle: undefined };
    this.#kept.set(name, kept);
    return kept;
  }

  #use(kept: Kept): void {
    kept.readers++;
    clearTimeout(kept.idle);
  }

  #leave(kept: Kept): void {
    if (--kept.readers > 0) return;
    kept.idle = setTimeout(() => this.#drop(kept), keptMs);
    kept.idle.unref();
  }

  #drop(kept: Kept): void {
    clearTimeout(kept.idle);
    clearTimeout(kept.closing);
    this.#kept.delete(kept.name);
    kept.snapshot.close();
  }
}

/** Lets the event loop do other things after each page, and waits for a slow reader. */
async function written(call: SnapshotCall, page: SnapshotPage): Promise<void> {
  if (call.write(page)) await nextTurn();
  else
    await Promise.race([
      once(call, "drain", { signal: AbortSignal.timeout(drainMs) }),
      once(call, "cancelled"),
    ]);
}
