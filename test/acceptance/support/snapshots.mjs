// The whole state of a replica as its snapshot gives it, in one digest.
import { streamOf } from "./raw.mjs";

/**
 * The slot of a snapshot and the digest over all of its rows; undefined when there is none to be had at the moment.
 * @param {string} address @returns {Promise<{ slot: number, digest: string } | undefined>}
 */
export async function snapshotOf(address) {
  /** @type {{ slot: number, digest: string } | undefined} */
  let found;
  try {
    for await (const page of streamOf(address, "synod.v1.Replica/Snapshot", {}))
      if (page.last) found = { slot: Number(page.slot), digest: page.digest.toString("hex") };
  } catch {
    // Too many are open, or it went away.
  }
  return found;
}
