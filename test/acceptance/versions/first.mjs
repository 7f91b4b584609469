// The first build: it knows version 1 alone.
import { readFileSync } from "node:fs";
import { replicatedService } from "@synod/state-machine";

const descriptors = readFileSync(new URL("descriptors-first.binpb", import.meta.url));
// Written without generated types.
const tally = /** @type {(options: object) => any} */ (/** @type {unknown} */ (replicatedService))({
  descriptors,
  service: "tally.v1.Tally",
});
const lists = tally.table("lists", ["string"], "tally.v1.List");

/** @typedef {{ version: number }} Context */

export default tally.define({
  version: 1,
  errors: {},
  commands: {
    Note(/** @type {any} */ tx, /** @type {any} */ { list, id }, /** @type {Context} */ { version }) {
      const notes = tx.get(lists, list)?.notes ?? [];
      tx.put(lists, [list], { notes: [...notes, `${version}:${id}`] });
      return { version };
    },
  },
  queries: {
    Show: (/** @type {any} */ tx, /** @type {any} */ { list }) => ({
      notes: tx.get(lists, list)?.notes ?? [],
    }),
  },
});
