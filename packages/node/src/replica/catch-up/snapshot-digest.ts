import { createHash } from "node:crypto";
import { digestBytes } from "@synod/wire";

/** The digest before the first page. */
export const noDigest: Uint8Array = new Uint8Array(digestBytes);

/** The digest of a snapshot up to the end of a page, from that of the page before; replica.proto says how. */
export function nextDigest(
  before: Uint8Array,
  entries: readonly (readonly [key: Uint8Array, value: Uint8Array])[],
): Uint8Array {
  const hash = createHash("sha256").update(before);
  for (const [key, value] of entries) {
    const lengths = Buffer.allocUnsafe(8);
    lengths.writeUInt32BE(key.length, 0);
    lengths.writeUInt32BE(value.length, 4);
    hash.update(lengths).update(key).update(value);
  }
  return hash.digest();
}
