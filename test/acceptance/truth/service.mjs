// A service whose calls end as asked. It is copied beside its descriptors and loaded by replicas, as users' modules are.
import { readFileSync } from "node:fs";
import { replicatedService } from "@synod/state-machine";

const descriptors = readFileSync(new URL("descriptors.binpb", import.meta.url));
// Written without generated types.
const truth = /** @type {(options: object) => any} */ (/** @type {unknown} */ (replicatedService))({
  descriptors,
  service: "truth.v1.Truth",
});
const done = truth.table("done", ["int64"], "truth.v1.Done");

export default truth.define({
  version: 1,
  // The codes that replicas themselves use for what was not decided, above all.
  errors: { Conflict: { code: 10 }, Away: { code: 14 }, Busy: { code: 8 }, Late: { code: 4 } },
  commands: {
    Do(/** @type {any} */ tx, /** @type {any} */ { id, how }, /** @type {any} */ context) {
      if (how === "throw") throw new Error("as asked");
      if (how !== "") context.fail(how, "as asked");
      const revision = String(context.revision);
      tx.put(done, [BigInt(id)], { revision });
      return { revision };
    },
  },
  queries: {},
});
