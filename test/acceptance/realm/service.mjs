// Asks a source as it is told to, and keeps the answer in a row: replicas that were told otherwise differ from then on.
import { readFileSync } from "node:fs";
import { replicatedService } from "@synod/state-machine";
import { packages } from "./packages.mjs";
import { captured, sources } from "./sources.mjs";

/** @param {() => unknown} source */
function told(source) {
  try {
    const answer = source();
    return typeof answer === "object" ? JSON.stringify(answer, big) : String(answer);
  } catch (error) {
    return `refused: ${/** @type {Error} */ (error).message}`;
  }
}

/** @param {string} _ @param {unknown} value */
const big = (_, value) => (typeof value === "bigint" ? String(value) : value);

const whenLoaded = Object.fromEntries(Object.entries(sources).map(([name, source]) => [name, told(source)]));

/** @type {Record<string, Record<string, () => unknown>>} */
export const ways = {
  load: Object.fromEntries(Object.entries(whenLoaded).map(([name, text]) => [name, () => text])),
  global: sources,
  captured,
  package: packages,
};

const descriptors = readFileSync(new URL("descriptors.binpb", import.meta.url));
// Written without generated types.
const service = /** @type {(options: object) => any} */ (/** @type {unknown} */ (replicatedService))({
  descriptors,
  service: "sources.v1.Sources",
});
const rows = service.table("rows", ["string", "string"], "sources.v1.UseResponse");

export default service.define({
  version: 1,
  errors: {},
  commands: {
    Use(/** @type {any} */ tx, /** @type {any} */ { source, way }) {
      const text = told(ways[way]?.[source] ?? (() => "there is no such source"));
      tx.put(rows, [way, source], { text });
      return { text };
    },
  },
  queries: {},
});
