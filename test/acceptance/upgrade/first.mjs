// The first build: it knows version 1 alone.
import { readFileSync } from "node:fs";
import { replicatedService } from "@synod/state-machine";

const descriptors = readFileSync(new URL("descriptors-first.binpb", import.meta.url));
// Written without generated types.
const notes = /** @type {(options: object) => any} */ (/** @type {unknown} */ (replicatedService))({
  descriptors,
  service: "notes.v1.Notes",
});
const lists = notes.table("lists", ["string"], "notes.v1.List");
const places = notes.table("by_id", ["string"], "notes.v1.Place");

/** @typedef {{ version: number, time: Date, fail(name: string, detail?: object): never, schedule(at: Date, method: string, request: object, id: string): void }} Context */

const settleAfterMs = 1_500;

export default notes.define({
  version: 1,
  oldestVersion: 1,
  errors: { Taken: { code: 6, detail: "notes.v1.Taken" } },
  commands: {
    Note(/** @type {any} */ tx, /** @type {any} */ { list, id }, /** @type {Context} */ context) {
      if (tx.get(places, id)) context.fail("Taken", { list });
      const row = tx.get(lists, list) ?? { entries: [] };
      const entries = [...row.entries, { id, version: context.version }];
      tx.put(lists, [list], { ...row, entries });
      tx.put(places, [id], {});
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
  },
  queries: {
    Show(/** @type {any} */ tx, /** @type {any} */ { list }) {
      const { entries = [], totals } = tx.get(lists, list) ?? {};
      const indexed = entries.filter((/** @type {any} */ { id }) => tx.get(places, id)).length;
      return { entries, indexed, settled: totals?.settled ?? 0 };
    },
  },
});
