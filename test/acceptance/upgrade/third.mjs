// The third build: a field has another name, and version 3 another index.
import { readFileSync } from "node:fs";
import { replicatedService } from "@synod/state-machine";

const descriptors = readFileSync(new URL("descriptors.binpb", import.meta.url));
// Written without generated types.
const notes = /** @type {(options: object) => any} */ (/** @type {unknown} */ (replicatedService))({
  descriptors,
  service: "notes.v1.Notes",
});
const lists = notes.table("lists", ["string"], "notes.v1.List");
// Up to version 2.
const places = notes.table("by_id", ["string"], "notes.v1.Place");
// From version 3 on the list comes first.
const placesByList = notes.table("by_list", ["string", "string"], "notes.v1.Place");

/** @typedef {{ version: number, time: Date, fail(name: string, detail?: object): never, schedule(at: Date, method: string, request: object, id: string): void }} Context */

const settleAfterMs = 1_500;

export default notes.define({
  version: 3,
  oldestVersion: 2,
  since: { Count: 2 },
  errors: { Taken: { code: 6, detail: "notes.v1.Taken" } },
  commands: {
    Note(/** @type {any} */ tx, /** @type {any} */ { list, id }, /** @type {Context} */ context) {
      if (tx.get(places, id) || tx.get(placesByList, list, id)) context.fail("Taken", { list });
      const row = tx.get(lists, list) ?? { entries: [] };
      const entries = [...row.entries, { name: id, version: context.version, writer: "second" }];
      tx.put(lists, [list], { ...row, entries, totals: { ...row.totals, written: entries.length } });
      if (context.version < 3) tx.put(places, [id], {});
      else tx.put(placesByList, [list, id], {});
      context.schedule(
        new Date(context.time.getTime() + settleAfterMs),
        "Settle",
        { list },
        `settle/${list}`,
      );
      return { version: context.version };
    },

    Settle(/** @type {any} */ tx, /** @type {any} */ { list }) {
      const row = tx.get(lists, list);
      if (row !== undefined)
        tx.put(lists, [list], { ...row, totals: { ...row.totals, settled: row.entries.length } });
      return {};
    },

    Count(/** @type {any} */ tx) {
      return { lists: [...tx.range(lists, [], { limit: 1_000 })].length };
    },
  },
  queries: {
    Show(/** @type {any} */ tx, /** @type {any} */ { list }) {
      const { entries = [], totals } = tx.get(lists, list) ?? {};
      const known = (/** @type {any} */ { name }) => tx.get(places, name) ?? tx.get(placesByList, list, name);
      const indexed = entries.filter(known).length;
      return { entries, indexed, settled: totals?.settled ?? 0 };
    },
  },
});
