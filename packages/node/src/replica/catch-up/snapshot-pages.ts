import { ran, type Scheduler, type SnapshotPage } from "@synod/wire";
import type { SnapshotStream } from "./other-replica.js";
import { nextDigest, noDigest } from "./snapshot-digest.js";

/** A sender that gives no page for so long is given up. */
const silentMs = 20_000;

/** A page is not what its sender made of it. */
export class DamagedPage extends Error {
  override readonly name = "DamagedPage";
}

export interface SnapshotReading {
  readonly stream: SnapshotStream;
  readonly scheduler: Scheduler;
  /** The digest up to the page before the first one that is to come; absent at the beginning of a snapshot. */
  readonly digest?: Uint8Array | undefined;
  /** The snapshot that is gone on with; absent where whatever comes first is read. */
  readonly snapshot?: string | undefined;
  readonly slot?: number | undefined;
  /** Throws where the snapshot is of another cluster than was meant. */
  requireCluster(clusterId: string): void;
}

/** Gives the pages of a snapshot that follow each other as they were sent. Throws where the stream ends before the last. */
export async function* pagesOf(reading: SnapshotReading): AsyncGenerator<SnapshotPage> {
  const { stream, scheduler, requireCluster } = reading;
  let { digest = noDigest, snapshot, slot } = reading;
  const unlessSilent = () =>
    ran(
      scheduler,
      silentMs,
      () => false,
      () => stream.cancel(),
    );
  let cancelSilence = unlessSilent();
  try {
    for await (const page of stream) {
      cancelSilence();
      cancelSilence = unlessSilent();
      requireCluster(page.clusterId);
      snapshot ??= page.snapshot;
      slot ??= page.slot;
      if (page.snapshot !== snapshot || page.slot !== slot)
        throw new Error(
          `expected a page of snapshot ${snapshot} after slot ${slot}, found one of ${page.snapshot} after slot ${page.slot}`,
        );
      digest = nextDigest(digest, page.entries);
      if (Buffer.compare(digest, page.digest) !== 0)
        throw new DamagedPage(
          `the digest of a page of snapshot ${snapshot} is wrong: it changed on its way, and what came in is thrown away`,
        );
      yield page;
      if (page.last) return;
    }
  } finally {
    cancelSilence();
    stream.cancel();
  }
  throw new Error("the snapshot ended before its last page");
}
