import { once } from "node:events";
import * as grpc from "@grpc/grpc-js";
import type { ReplicaStore } from "@synod/storage";
import {
  anotherCluster,
  type Incoming,
  Invalid,
  type LogReader,
  meantFor,
  passed,
  type Scheduler,
  type SnapshotPage,
  type SnapshotPosition,
  type SnapshotRequest,
  serviceLoop,
} from "@synod/wire";
import { CallError, statusOf } from "../../transport/server.js";
import type { LocalReads } from "../requests/local-reads.js";
import { type KeptSnapshot, KeptSnapshots, msForPage, slackMs } from "./kept-snapshots.js";
import { Readers } from "./readers.js";
import type { SentPosition } from "./sent-pages.js";
import { nextDigest } from "./snapshot-digest.js";

export type SnapshotCall = grpc.ServerWritableStream<Incoming<SnapshotRequest>, Incoming<SnapshotPage>>;

const usualPageBytes = 512 << 10;
/** The rest between two pages, so that commands find the event loops and disks of both replicas free most of the time. */
const restMs = 10;
/** A replica waits so long for others to confirm the state, less than it waits for any page, and then asks again. */
const confirmedWithinMs = 10_000;
const confirmedCheckMs = 25;
/** A reader that takes nothing for so long is given up. */
const drainMs = 20_000;

export interface SnapshotSenderOptions {
  readonly store: Pick<ReplicaStore, "snapshot" | "usedBytes" | "log">;
  readonly clusterId: string;
  /** Id of this replica. */
  readonly replica: string;
  /** Ids of all replicas. */
  replicas(): readonly string[];
  /** The disk may grow by so many bytes because of a snapshot that is open. */
  maxGrowth(): number;
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
  /** Has backups read page by page, when it is their turn. */
  readonly reads: Pick<LocalReads, "read">;
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

/** Gives the replicated state to replicas that lag too far and to backups, page by page, while commands go on. */
export class SnapshotSender {
  readonly #options: SnapshotSenderOptions;
  readonly #scheduler: Scheduler;
  readonly #snapshots: KeptSnapshots;
  /** Backups begun so far, each of which has its own turns. */
  #begun = 0;
  /** The replicas that catch up from this one. */
  readonly readers: Readers;

  constructor(options: SnapshotSenderOptions) {
    this.#options = options;
    const { store, replica, replicas, drawName, confirmation, maxGrowth } = options;
    const scheduler = options.scheduler ?? serviceLoop;
    this.#scheduler = scheduler;
    this.readers = new Readers({ replica, replicas, scheduler });
    this.#snapshots = new KeptSnapshots({
      ...{ store, scheduler, readers: this.readers, drawName, maxGrowth },
      agreed: () => confirmation.agreed(),
    });
  }

  /** The number of snapshots that are kept for readers. */
  get kept(): number {
    return this.#snapshots.size;
  }

  /** To be called often: lets go of what nobody needs, or what costs too much. */
  tick(): void {
    this.#snapshots.tidy();
  }

  /**
   * A member that has everything up to a slot on its disk was given the log that it asked for.
   * @param ends leaders know all that it lacks, even if it starts anew
   */
  gaveLog({ member, durableSlot }: LogReader, ends: boolean): void {
    if (ends) this.readers.forget(member);
    else this.readers.readsLog(member, durableSlot);
    this.#snapshots.beyond(member, durableSlot);
  }

  /**
   * Another state took this one's place, and the log with it: nobody can go on behind what was given before, so that no
   * replica is sent the rest of it.
   */
  forsakeAll(): void {
    let forsaken = this.forsakeLowest();
    while (forsaken !== undefined) forsaken = this.forsakeLowest();
  }

  /** Lets go of what is kept for whoever needs most of the log, and gives its name; undefined when there is nobody. */
  forsakeLowest(): string | undefined {
    const member = this.readers.forgetLowest();
    if (member !== undefined) this.#snapshots.beyond(member, Number.POSITIVE_INFINITY);
    return member;
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
    this.#snapshots.close();
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
    const { member, stopped = false, resume } = request;
    if (member !== "") this.readers.require(member);
    this.#refuse(stopped);
    const kept = await this.#snapshots.enter(request);
    const { name: snapshot, confirmed, sent } = kept;
    const { slot, rows: ofRows } = kept.snapshot;
    let reached: "all" | "part" | "nothing" = resume === undefined ? "nothing" : "part";
    try {
      let at = positionIn(kept, resume);
      if (member !== "") await this.#confirmed(gone, kept, request);
      const pace = new ReaderPace(this.#scheduler);
      const reads = this.#readsOf(member);
      for (let last = false; !last && !gone(); ) {
        this.#refuse(stopped);
        this.#snapshots.require(kept, member);
        pace.demand();
        const { after } = at;
        const { entries, done } = await reads(() => pageOf(kept, after, pageBytes));
        at = sent.add(at, nextDigest(at.digest, entries), entries);
        last = done;
        const { digest, rows, bytes } = at;
        const through = { rows, ofRows, bytes };
        // A reader that goes away may have it or not.
        reached = "part";
        yield { snapshot, slot, clusterId, entries, digest, last, confirmed, through };
        this.readers.heard(member);
        if (last && !gone()) reached = "all";
        // Commands go first.
        if (!last) await passed(this.#scheduler, restMs);
      }
    } finally {
      this.#snapshots.leave(kept, member, reached);
    }
  }

  /** Members that catch up read at once. Backups take turns with each other, and with whoever reads anything else of this replica. */
  #readsOf(member: string): <Result>(read: () => Result) => Result | Promise<Result> {
    if (member !== "") return (read) => read();
    const peer = `backup ${++this.#begun}`;
    const call = { peer, onCancelled: () => {} };
    return (read) => this.#options.reads.read(call, 0, read);
  }

  /**
   * Rule 27: what no majority has, no replica may go on from, or a replica that differs would bring others over to it. Nothing
   * is sent before, so that nothing is sent in vain. Those that wait for a state themselves are not waited for, or two of
   * them would wait for each other for ever.
   */
  async #confirmed(
    gone: () => boolean,
    kept: KeptSnapshot,
    { member: replica, above }: SnapshotRequest,
  ): Promise<void> {
    const { confirmation } = this.#options;
    const { slot } = kept.snapshot;
    confirmation.lacks(replica, above);
    const giveUpAt = this.#scheduler.nowMs() + confirmedWithinMs;
    for (;;) {
      this.#refuse(false);
      this.#snapshots.require(kept, replica);
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
}

/** Throws CallError when a reader is slower than the least speed: what it reads from costs the disk more with every write. */
class ReaderPace {
  readonly #scheduler: Scheduler;
  readonly #begunMs: number;
  #pages = 0;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
    this.#begunMs = scheduler.nowMs();
  }

  /** Before each page. */
  demand(): void {
    const took = this.#scheduler.nowMs() - this.#begunMs;
    if (took > slackMs + this.#pages * msForPage)
      throw new CallError(
        grpc.status.DEADLINE_EXCEEDED,
        `expected a reader that takes a page in ${msForPage} ms, found one that took ${this.#pages} in ${Math.round(took)} ms; ` +
          "read faster, or from another replica",
      );
    this.#pages++;
  }
}

function pageOf({ name, snapshot, over }: KeptSnapshot, after: Uint8Array | undefined, bytes: number) {
  if (over === undefined) return snapshot.page(after, bytes);
  throw new CallError(grpc.status.ABORTED, `snapshot ${name} is not kept any more: ${over}; ask for another`);
}

/** The position from which a reader goes on. It must be one that was sent here. */
function positionIn({ name, sent }: KeptSnapshot, resume: SnapshotPosition | undefined): SentPosition {
  if (resume === undefined) return sent.beginning;
  const found = sent.find(resume.after, resume.digest);
  if (found !== undefined) return found;
  throw new CallError(
    grpc.status.DATA_LOSS,
    `expected the last key of a page of snapshot ${name} and the digest that came with it, found others; ` +
      "what has arrived is of no use, begin again",
  );
}

async function drained(call: SnapshotCall): Promise<void> {
  // A reader that is gone says nothing more.
  if (call.cancelled) return;
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
