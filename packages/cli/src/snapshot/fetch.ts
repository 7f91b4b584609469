import { setTimeout as delay } from "node:timers/promises";
import * as grpc from "@grpc/grpc-js";
import { pagesOf, snapshotOf } from "@synod/node";
import { eventLoop, meantFor, type SnapshotPage, type SnapshotPosition } from "@synod/wire";
import { openConnection, requireCluster } from "../calls.js";
import { Failure } from "../failure.js";

/** The time in which a broken transfer is taken up again: as long as a replica keeps a snapshot that nobody reads. */
const goOnMs = 30_000;
const againMs = 500;
const finalCodes = new Set([
  grpc.status.NOT_FOUND, // it is not kept any more
  grpc.status.FAILED_PRECONDITION, // the replica takes no part any more
  grpc.status.INVALID_ARGUMENT,
]);

export interface SnapshotSink {
  /** Before the first page. */
  begin(page: SnapshotPage): Promise<void>;
  take(page: SnapshotPage): Promise<void>;
}

export interface Fetching {
  readonly address: string;
  /** The cluster that the replica has to be of; any unless given. */
  readonly cluster: string | undefined;
  /** Only a snapshot of a slot above this one will do. */
  readonly above: number;
  /** It is that of a replica that has stopped. */
  readonly stopped?: boolean;
  readonly sink: SnapshotSink;
  readonly signal: AbortSignal;
  /** The connection broke, and the snapshot is gone on with. */
  readonly onGoingOn: (error: unknown) => void;
}

/**
 * Takes the state of one replica in. When the connection breaks half-way it goes on with the same snapshot, by its name,
 * for as long as the replica keeps it. Rejects with the last error.
 */
export async function fetchSnapshot(fetching: Fetching): Promise<void> {
  const { sink, signal, onGoingOn } = fetching;
  let last: SnapshotPage | undefined;
  let lastAt = performance.now();
  for (;;) {
    try {
      for await (const page of pages(fetching, last)) {
        if (last === undefined) await sink.begin(page);
        await sink.take(page);
        last = page;
        lastAt = performance.now();
        if (page.last) return;
      }
    } catch (error) {
      signal.throwIfAborted();
      const tooLate = performance.now() - lastAt > goOnMs;
      if (last === undefined || tooLate || !mayGoOn(error)) throw error;
      onGoingOn(error);
      await delay(againMs, undefined, { signal });
    }
  }
}

/** False where the snapshot itself is at fault, not the way to it: going on is of no use then. */
function mayGoOn(error: unknown): boolean {
  const { code } = error as Partial<grpc.ServiceError>;
  return !(error instanceof Failure) && typeof code === "number" && !finalCodes.has(code);
}

function positionAfter({ snapshot, entries, digest }: SnapshotPage): SnapshotPosition {
  return { snapshot, after: entries.at(-1)?.[0] ?? new Uint8Array(), digest };
}

async function* pages(fetching: Fetching, last: SnapshotPage | undefined): AsyncGenerator<SnapshotPage> {
  const { address, cluster, above, stopped = false, signal } = fetching;
  const channel = openConnection(address);
  const resume = last && positionAfter(last);
  const request = { clusterId: cluster ?? "", above, resume, member: "", stopped };
  const stream = snapshotOf(channel.client, request, meantFor(cluster));
  const cancel = () => stream.cancel();
  signal.addEventListener("abort", cancel);
  try {
    yield* pagesOf({
      stream,
      scheduler: eventLoop,
      digest: last?.digest,
      snapshot: last?.snapshot,
      slot: last?.slot,
      requireCluster: (found) => requireCluster(address, found, cluster),
    });
  } finally {
    signal.removeEventListener("abort", cancel);
    channel.close(true);
  }
}
