import { readFileSync } from "node:fs";
import { replicatedService } from "@synod/state-machine";

const descriptors = readFileSync(new URL("./descriptors.binpb", import.meta.url));
// Written without generated types.
const service = /** @type {(options: object) => any} */ (/** @type {unknown} */ (replicatedService));
const heavy = service({ descriptors, service: "bounds.v1.Heavy" });
const rows = heavy.table("rows", ["int64"], "bounds.v1.Row");
/** Rows are written over again, so that the state stays small. */
const differentRows = 20_000n;
const day = 86_400_000;

export default heavy.define({
  version: 1,
  commands: {
    /** @param {any} tx @param {any} request @param {any} context */
    Write(tx, { rows: count, bytes }, context) {
      const value = new Uint8Array(bytes);
      const first = BigInt(context.revision) * 1_000n;
      for (let row = 0n; row < BigInt(count); row++) tx.put(rows, [(first + row) % differentRows], { value });
      return {};
    },
    /** @param {any} _tx @param {any} request */
    Answer: (_tx, { bytes }) => ({ value: new Uint8Array(bytes) }),
    /** @param {any} _tx @param {any} request @param {any} context */
    Schedule(_tx, { rows: count, bytes }, context) {
      const at = new Date(context.time.getTime() + day);
      for (let each = 0; each < count; each++)
        context.schedule(at, "Later", { value: new Uint8Array(bytes) });
      return {};
    },
    Later: () => ({}),
  },
  queries: {
    /** @param {any} tx @param {any} request */
    Read(tx, { rows: limit, bytes }) {
      let read = 0;
      for (const _ of tx.range(rows, { limit })) read++;
      return { value: new Uint8Array(Math.min(bytes, 1_000 + read + bytes)) };
    },
  },
});
