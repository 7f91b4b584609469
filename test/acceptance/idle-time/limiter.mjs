import { readFileSync } from "node:fs";
import { replicatedService } from "@synod/state-machine";

const descriptors = readFileSync(new URL("./descriptors.binpb", import.meta.url));
// Written without generated types.
const service = /** @type {(options: object) => any} */ (/** @type {unknown} */ (replicatedService));
const limits = service({ descriptors, service: "limits.v1.Limiter" });
const buckets = limits.table("buckets", ["string"], "limits.v1.Bucket");

export default limits.define({
  version: 1,
  errors: { Limited: { code: 8 } },
  commands: {
    /** @param {any} tx @param {any} request @param {any} context */
    Configure(tx, { key, capacity, refillPerSecond }, context) {
      tx.put(buckets, [key], { capacity, refillPerSecond, tokens: capacity, atMs: context.time.getTime() });
      return {};
    },
    /** @param {any} tx @param {any} request @param {any} context */
    Take(tx, { key, tokens }, context) {
      const bucket = tx.get(buckets, key) ?? context.fail("Limited", "there is no such bucket");
      const now = context.time.getTime();
      const refilled = Math.floor(((now - Number(bucket.atMs)) * Number(bucket.refillPerSecond)) / 1000);
      const left = Math.min(Number(bucket.capacity), Number(bucket.tokens) + refilled) - Number(tokens);
      if (left < 0) context.fail("Limited", "too few tokens are left");
      tx.put(buckets, [key], { ...bucket, tokens: left, atMs: now });
      return { left };
    },
  },
  queries: {},
});
