// The second build: it runs version 1 until version 2 is switched on, and then that.
import { readFileSync } from "node:fs";
import { replicatedService } from "@synod/state-machine";

const descriptors = readFileSync(new URL("descriptors.binpb", import.meta.url));
// Written without generated types.
const tally = /** @type {(options: object) => any} */ (/** @type {unknown} */ (replicatedService))({
  descriptors,
  service: "tally.v1.Tally",
});
const lists = tally.table("lists", ["string"], "tally.v1.List");

/** @typedef {{ version: number }} Context */

export default tally.define({
  version: 2,
  oldestVersion: 1,
  since: { Clear: 2 },
  errors: {},
  commands: {
    Note(/** @type {any} */ tx, /** @type {any} */ { list, id }, /** @type {Context} */ { version }) {
      const notes = tx.get(lists, list)?.notes ?? [];
      tx.put(lists, [list], { notes: [...notes, `${version}:${id}`] });
      return { version };
    },

    Clear(/** @type {any} */ tx, /** @type {any} */ { list }) {
      tx.delete(lists, list);
      return {};
    },
  },
  queries: {
    Show: (/** @type {any} */ tx, /** @type {any} */ { list }) => ({
      notes: tx.get(lists, list)?.notes ?? [],
    }),
  },
});
