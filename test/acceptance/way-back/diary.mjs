// Handlers with the defects that stop every replica, as their authors might have made them.
import { readFileSync } from "node:fs";
import { replicatedService } from "@synod/state-machine";

const descriptors = readFileSync(new URL("descriptors.binpb", import.meta.url));
// Written without generated types.
const diary = /** @type {(options: object) => any} */ (/** @type {unknown} */ (replicatedService))({
  descriptors,
  service: "diary.v1.Diary",
});
const pages = diary.table("pages", ["string"], "diary.v1.Page");
const counts = false;
/** Since this process started, which differs between replicas. */
let counted = 0;

/** @type {Record<string, () => unknown>} */
const defects = {
  loop: () => {
    for (let number = 0; ; number = (number + 1) % 7);
  },
  stack: () => {
    /** @type {(depth: number) => number} */
    const deeper = (depth) => deeper(depth + 1) + 1;
    return deeper(0);
  },
  heap: () => {
    const kept = [];
    for (;;) kept.push(new Array(100_000).fill(kept.length));
  },
};

export default diary.define({
  version: 1,
  oldestVersion: 1,
  errors: {},
  commands: {
    Write(/** @type {any} */ tx, /** @type {any} */ { page, id, defect }) {
      defects[defect]?.();
      counted++;
      const ids = [...(tx.get(pages, page)?.ids ?? []), id];
      tx.put(pages, [page], { ids, counted: counts ? counted : 0 });
      return { count: ids.length };
    },
  },
  queries: {
    Read(/** @type {any} */ tx, /** @type {any} */ { page }) {
      counted++;
      return { ids: tx.get(pages, page)?.ids ?? [] };
    },
  },
});
