import { setTimeout as delay } from "node:timers/promises";
import * as grpc from "@grpc/grpc-js";
import { nextDigest } from "@synod/node";
import {
  type Incoming,
  Invalid,
  meantFor,
  replicaService,
  type SnapshotPage,
  type SnapshotPosition,
} from "@synod/wire";
import { openConnection, requireCluster } from "../calls.js";
import { Failure } from "../failure.js";

/** A replica that gives no page for so long is asked again. */
const silentMs = 20_000;
/** As long as a replica keeps a snapshot that nobody reads. */
const goOnMs = 30_000;
const againMs = 500;
const finalCodes = new Set([
  grpc.status.NOT_FOUND, // it is not kept any more
  grpc.status.FAILED_PRECONDITION, // the replica takes no part any more
  grpc.status.INVALID_ARGUMENT,
]);

export interface SnapshotSink {
  /** Of the page taken last. */
  readonly digest: Uint8Array;
  /** Before the first page. */
  begin(page: SnapshotPage): Promise<void>;
  /** A page whose digest is right. */
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
      for await (const page of pages(fetching, last && positionAfter(last))) {
        requireCluster(fetching.address, page.clusterId, fetching.cluster);
        if (last === undefined) await sink.begin(page);
        requireSound(page, last, sink.digest);
        await sink.take(page);
        last = page;
        lastAt = performance.now();
        if (page.last) return;
      }
      throw new Error("the snapshot ended before its last page");
    } catch (error) {
      signal.throwIfAborted();
      const tooLate = performance.now() - lastAt > goOnMs;
      if (last === undefined || tooLate || !mayGoOn(error)) throw error;
      onGoingOn(error);
      await delay(againMs, undefined, { signal });
    }
  }
}

/** Where there is something wrong with the snapshot, and not with the way to it, going on is of no use. */
function mayGoOn(error: unknown): boolean {
  const { code } = error as Partial<grpc.ServiceError>;
  return !(error instanceof Failure) && typeof code === "number" && !finalCodes.has(code);
}

function positionAfter({ snapshot, entries, digest }: SnapshotPage): SnapshotPosition {
  return { snapshot, after: entries.at(-1)?.[0] ?? new Uint8Array(), digest };
}

function requireSound(page: SnapshotPage, last: SnapshotPage | undefined, digest: Uint8Array): void {
  if (last !== undefined && (page.snapshot !== last.snapshot || page.slot !== last.slot))
    throw new Error(`expected a page of snapshot ${last.snapshot}, found one of ${page.snapshot}`);
  if (Buffer.compare(nextDigest(digest, page.entries), page.digest) !== 0)
    throw new Error(`the digest of a page of snapshot ${page.snapshot} is wrong: it changed on its way`);
}

async function* pages(
  { address, cluster, above, stopped = false, signal }: Fetching,
  resume: SnapshotPosition | undefined,
): AsyncGenerator<SnapshotPage> {
  const { path, requestSerialize, responseDeserialize } = replicaService.Snapshot;
  const channel = openConnection(address);
  const request = { clusterId: cluster ?? "", above, resume, member: "", stopped };
  const call = channel.client.makeServerStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    request,
    meantFor(cluster),
  );
  const cancel = () => call.cancel();
  const silent = setTimeout(cancel, silentMs);
  signal.addEventListener("abort", cancel);
  try {
    for await (const page of call as AsyncIterable<Incoming<SnapshotPage>>) {
      if (page instanceof Invalid) throw page.error;
      silent.refresh();
      yield page;
    }
  } finally {
    clearTimeout(silent);
    signal.removeEventListener("abort", cancel);
    call.on("error", () => {});
    cancel();
    channel.close(true);
  }
}
