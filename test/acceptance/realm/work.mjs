// A handler of the ordinary kind: it reads a row, computes, and writes it.
import { readFileSync } from "node:fs";
import { replicatedService } from "@synod/state-machine";

const descriptors = readFileSync(new URL("descriptors.binpb", import.meta.url));
// Written without generated types.
const work = /** @type {(options: object) => any} */ (/** @type {unknown} */ (replicatedService))({
  descriptors,
  service: "sources.v1.Work",
});
const rows = work.table("rows", ["string"], "sources.v1.Row");
const kept = 5;

export default work.define({
  version: 1,
  errors: { Overdrawn: { code: 9 } },
  validate: {
    Add: (/** @type {any} */ { key }) => (key === "" ? "key: expected a name" : undefined),
  },
  commands: {
    Add(/** @type {any} */ tx, /** @type {any} */ { key, amount }, /** @type {any} */ context) {
      const row = tx.get(rows, key) ?? { sum: "0", latest: [] };
      const sum = BigInt(row.sum) + BigInt(amount);
      if (sum < 0n) context.fail("Overdrawn");
      const counts = new Map(row.latest.map((/** @type {string} */ each) => [each, each.length]));
      counts.set(String(amount), Math.max(...counts.values(), 0));
      tx.put(rows, [key], { ...row, sum: String(sum), latest: [...counts.keys()].slice(-kept) });
      return { sum: String(sum) };
    },
  },
  queries: {},
});
