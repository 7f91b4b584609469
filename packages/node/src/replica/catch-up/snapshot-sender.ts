import { once } from "node:events";
import * as grpc from "@grpc/grpc-js";
import { maxOpenSnapshots, type ReplicaStore, type StateSnapshot } from "@synod/storage";
import {
  anotherCluster,
  type Incoming,
  Invalid,
  meantFor,
  passed,
  type Scheduler,
  type SnapshotPage,
  type SnapshotPosition,
  type SnapshotRequest,
  serviceLoop,
} from "@synod/wire";
import { CallError, statusOf } from "../../transport/server.js";
import { AwaitedLogs } from "./awaited-logs.js";
import { nextDigest, noDigest } from "./snapshot-digest.js";

export type SnapshotCall = grpc.ServerWritableStream<Incoming<SnapshotRequest>, Incoming<SnapshotPage>>;

const usualPageBytes = 512 << 10;
/** The rest between two pages, so that commands find the event loops and disks of both replicas free most of the time. */
const restMs = 10;
/** A snapshot that nobody reads any more is kept for so long, for whoever wants to go on with it. */
const keptMs = 30_000;
/** lmdb's file grows while one is open, so none is for longer. */
const longestMs = 60 * 60_000;
/** One that was opened longer ago is not shared, or readers who come one after another would keep it open all the time. */
const sharedMs = 10_000;
/** A replica waits so long for others to confirm the state, less than it waits for any page, and then asks again. */
const confirmedWithinMs = 10_000;
const confirmedCheckMs = 25;
/** A reader that takes nothing for so long is given up. */
const drainMs = 20_000;

export interface SnapshotSenderOptions {
  readonly store: Pick<ReplicaStore, "snapshot" | "durableSlot">;
  readonly clusterId: string;
  /** A name that nothing else has. */
  drawName(): string;
  /** Default: the event loop of this process. */
  readonly scheduler?: Scheduler | undefined;
  /** Bytes of keys and values in a page, at most about. Default 512 KiB. */
  readonly pageBytes?: number | undefined;
  /**
   * The reason why this replica's state is not to be had; undefined when it is.
   * @param stopped it is asked for as that of a replica that has stopped
   */
  refusal(stopped: boolean): string | undefined;
  /** The others' reports of the state, without which no replica may go on from it (rule 27). */
  readonly confirmation: Confirmation;
}

export interface Confirmation {
  /** The highest slot at which a majority reported the hash that this replica has there; 0: none yet. */
  agreed(): number;
  /** A replica says that it gets no further than this slot without another's state. */
  lacks(replica: string, above: number): void;
  /** The replicas still waited for before this one may go on from the state as it was after the slot. */
  unconfirmed(slot: number, replica: string): readonly string[];
  /** Asks for a checkpoint at or above the slot, where none is on its way. */
  ask(slot: number): void;
}

interface Kept {
  readonly name: string;
  readonly snapshot: StateSnapshot;
  readonly openedMs: number;
  readonly cancelClosing: () => void;
  /** The slot that a majority agreed in when it was opened. */
  readonly confirmed: number;
  /** The digests of the pages that were sent, by the last key of each. */
  readonly digests: Map<string, Uint8Array>;
  readers: number;
  cancelIdle: (() => void) | undefined;
}

/** Gives the replicated state to replicas that lag too far and to backups, page by page, while commands go on. */
export class SnapshotSender {
  readonly #options: SnapshotSenderOptions;
  readonly #scheduler: Scheduler;
  readonly #kept = new Map<string, Kept>();
  readonly #awaited: AwaitedLogs;

  constructor(options: SnapshotSenderOptions) {
    this.#options = options;
    this.#scheduler = options.scheduler ?? serviceLoop;
    this.#awaited = new AwaitedLogs(this.#scheduler);
  }

  /** The number of snapshots that are kept for readers. */
  get kept(): number {
    return this.#kept.size;
  }

  /** The lowest slot of a snapshot whose reader will want the log from there. Undefined when there is none. */
  get lowestSlot(): number | undefined {
    const slots = [...[...this.#kept.values()].map(({ snapshot }) => snapshot.slot), ...this.#awaited.slots];
    return slots.length === 0 ? undefined : Math.min(...slots);
  }

  async serve(call: SnapshotCall): Promise<void> {
    call.on("error", () => {});
    try {
      const { request } = call;
      if (request instanceof Invalid) throw request.error;
      for await (const page of this.pages(request, () => call.cancelled))
        if (!call.write(page)) await drained(call);
      call.end();
    } catch (error) {
      if (!call.cancelled) call.emit("error", statusOf(error));
    }
  }

  close(): void {
    for (const kept of [...this.#kept.values()]) this.#drop(kept);
  }

  /**
   * The pages that a request asks for. Whoever takes them has taken a page when it asks for the next. Throws CallError.
   * @param gone nobody takes them any more
   */
  async *pages(request: SnapshotRequest, gone: () => boolean): AsyncGenerator<SnapshotPage> {
    const { clusterId, pageBytes = usualPageBytes } = this.#options;
    if (request.clusterId !== "" && request.clusterId !== clusterId)
      throw new CallError(
        grpc.status.FAILED_PRECONDITION,
        anotherCluster("this replica", clusterId, request.clusterId),
        meantFor(clusterId),
      );
    const kept = await this.#find(request);
    let told = false;
    try {
      let { after, digest } = positionIn(kept, request.resume);
      if (request.member !== "") await this.#confirmed(gone, kept.snapshot.slot, request);
      for (let last = false; !last && !gone(); ) {
        this.#refuse(request.stopped === true);
        const { entries, done } = kept.snapshot.page(after, pageBytes);
        digest = nextDigest(digest, entries);
        const lastKey = entries.at(-1)?.[0];
        if (lastKey !== undefined) kept.digests.set(nameOf(lastKey), digest);
        after = lastKey ?? after;
        last = done;
        const { slot } = kept.snapshot;
        const { name: snapshot, confirmed } = kept;
        yield { snapshot, slot, clusterId, entries, digest, last, confirmed };
        told = last && !gone();
        if (told && request.member !== "") this.#awaited.add(request.member, slot);
        // Commands go first.
        if (!last) await passed(this.#scheduler, restMs);
      }
    } finally {
      this.#leave(kept, told);
    }
  }

  /**
   * Rule 27: what no majority has, no replica may go on from, or a replica that differs would bring others over to it. Nothing
   * is sent before, so that nothing is sent in vain. Those that wait for a state themselves are not waited for, or two of
   * them would wait for each other for ever.
   */
  async #confirmed(
    gone: () => boolean,
    slot: number,
    { member: replica, above }: SnapshotRequest,
  ): Promise<void> {
    const { confirmation } = this.#options;
    confirmation.lacks(replica, above);
    const giveUpAt = this.#scheduler.nowMs() + confirmedWithinMs;
    for (;;) {
      this.#refuse(false);
      const awaited = confirmation.unconfirmed(slot, replica);
      if (awaited.length === 0 || gone()) return;
      if (this.#scheduler.nowMs() >= giveUpAt)
        throw new CallError(
          grpc.status.UNAVAILABLE,
          `the state after slot ${slot} is not confirmed: no majority of the replicas besides ${replica} has reported the ` +
            `hash that this one has; waiting for ${awaited.join(", ")}`,
        );
      confirmation.ask(slot);
      await passed(this.#scheduler, confirmedCheckMs);
    }
  }

  #refuse(stopped: boolean): void {
    const refusal = this.#options.refusal(stopped);
    if (refusal !== undefined) throw new CallError(grpc.status.FAILED_PRECONDITION, refusal);
  }

  /** Finds or cuts a snapshot to read from; the caller lets go of it with `#leave`. */
  async #find({ resume, above, stopped = false }: SnapshotRequest): Promise<Kept> {
    this.#refuse(stopped);
    if (resume !== undefined) {
      const kept = this.#kept.get(resume.snapshot);
      if (kept !== undefined) return this.#use(kept);
      throw new CallError(
        grpc.status.NOT_FOUND,
        `snapshot ${resume.snapshot} is not kept any more; ask for another`,
      );
    }
    // One that is being sent anyway will do for another reader as well, while it is young.
    const oldest = this.#scheduler.nowMs() - sharedMs;
    for (const kept of this.#kept.values())
      if (kept.snapshot.slot > above && kept.readers > 0 && kept.openedMs >= oldest) return this.#use(kept);
    const snapshot = await this.#open();
    if (snapshot.slot <= above) {
      snapshot.close();
      throw new CallError(
        grpc.status.FAILED_PRECONDITION,
        `expected a replica with more than slot ${above} on its disk, found one with slot ${snapshot.slot}`,
      );
    }
    return this.#use(this.#keep(snapshot));
  }

  async #open(): Promise<StateSnapshot> {
    this.#makeRoom();
    try {
      return await this.#options.store.snapshot();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new CallError(grpc.status.RESOURCE_EXHAUSTED, error.message);
    }
  }

  #keep(snapshot: StateSnapshot): Kept {
    const name = `${snapshot.slot}-${this.#options.drawName()}`;
    const cancelClosing = this.#scheduler.after(longestMs, () => this.#drop(kept));
    const openedMs = this.#scheduler.nowMs();
    const kept: Kept = {
      name,
      snapshot,
      openedMs,
      confirmed: this.#options.confirmation.agreed(),
      cancelClosing,
      digests: new Map(),
      readers: 0,
      cancelIdle: undefined,
    };
    this.#kept.set(name, kept);
    return kept;
  }

  #use(kept: Kept): Kept {
    kept.readers++;
    kept.cancelIdle?.();
    return kept;
  }

  /** Nobody goes on with one that was told to its end. */
  #leave(kept: Kept, told: boolean): void {
    if (--kept.readers > 0) return;
    if (told) {
      this.#drop(kept);
      return;
    }
    kept.cancelIdle = this.#scheduler.after(keptMs, () => this.#drop(kept));
  }

  /** The oldest that nobody reads gives way: whoever wanted to go on with it begins again. */
  #makeRoom(): void {
    if (this.#kept.size < maxOpenSnapshots) return;
    for (const kept of this.#kept.values()) {
      if (kept.readers > 0) continue;
      this.#drop(kept);
      return;
    }
  }

  #drop(kept: Kept): void {
    kept.cancelIdle?.();
    kept.cancelClosing();
    this.#kept.delete(kept.name);
    kept.snapshot.close();
  }
}

/**
 * The position from which a reader goes on. It must be one that was sent here: a chain that goes on from any other digest
 * would be right to the end, whatever the reader has in place of the pages before.
 */
function positionIn(
  { name, digests }: Kept,
  resume: SnapshotPosition | undefined,
): { after: Uint8Array | undefined; digest: Uint8Array } {
  if (resume === undefined) return { after: undefined, digest: noDigest };
  const { after, digest } = resume;
  const sent = after.length === 0 ? noDigest : digests.get(nameOf(after));
  if (sent === undefined || Buffer.compare(sent, digest) !== 0)
    throw new CallError(
      grpc.status.DATA_LOSS,
      `expected the last key of a page of snapshot ${name} and the digest that came with it, found others; ` +
        "what has arrived is of no use, begin again",
    );
  return { after: after.length === 0 ? undefined : after, digest };
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key).toString("base64");
}

async function drained(call: SnapshotCall): Promise<void> {
  const waited = new AbortController();
  const signal = AbortSignal.any([waited.signal, AbortSignal.timeout(drainMs)]);
  try {
    await Promise.race([once(call, "drain", { signal }), once(call, "cancelled", { signal })]);
  } catch {
    throw new CallError(grpc.status.DEADLINE_EXCEEDED, `the reader took nothing for ${drainMs} ms`);
  } finally {
    waited.abort();
  }
}
