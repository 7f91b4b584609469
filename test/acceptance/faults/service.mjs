// A service that goes wrong as asked. It is copied beside its descriptors and loaded by replicas, as users' modules are.
import { readFileSync } from "node:fs";
import { replicatedService } from "@synod/state-machine";

const descriptors = readFileSync(new URL("descriptors.binpb", import.meta.url));
// Written without generated types.
const faults = /** @type {(options: object) => any} */ (/** @type {unknown} */ (replicatedService))({
  descriptors,
  service: "faults.v1.Faults",
});
const rows = faults.table("rows", ["int64"], "faults.v1.Row");
const broken = faults.table("broken", ["int64"], "faults.v1.Row");

/** No answer may have it, and each replica's log does. */
const here = "only-in-the-log";
const million = 1_000_000;

/** @type {Record<string, (tx: any, context: any) => unknown>} */
const reads = {
  declared: (_, context) =>
    context.fail("Refused", { why: "asked for it", rows: "-7" }, "refused, as it was asked to be"),
  "declared without words": (_, context) => context.fail("Refused", {}),
  // Nobody handles what comes of these promises; the realm throws in the first.
  "declared, promises let go of": (_, context) => {
    void (async () => setTimeout(() => {}, 0))();
    void Promise.reject(new Error(`${here}: let go of`));
    return context.fail("Refused", {});
  },
  "detail too long": (_, context) => context.fail("Refused", { why: "x".repeat(5_000) }),
  undeclared: () => {
    throw new Error(`${here}: nobody declared this`);
  },
  "undeclared text": () => {
    throw here;
  },
  "error of no declared name": (_, context) => context.fail(here),
  "clock of the process": () => ({ filler: Buffer.from(String(performance.now())) }),
  "response of another shape": () => ({ [here]: 1 }),
  // A handler that hides from the compiler what it returns.
  promise: () => /** @type {any} */ (Promise.resolve({})),
  "rejected promise": () => /** @type {any} */ (Promise.reject(new Error(here))),
  "response too large": () => ({ filler: Buffer.alloc((1 << 20) + 1) }),
  "range without a bound": (tx) => {
    for (const _ of tx.range(rows));
    return {};
  },
  "too many rows read": (tx) => {
    for (let time = 0; time < 10; time++) for (const _ of tx.range(rows, { limit: 20_000 }));
    return {};
  },
};

/** @type {typeof reads} */
const writes = {
  "too many rows written": (tx) => {
    for (let key = 0; key <= 10_000; key++) tx.put(broken, [BigInt(key)], {});
    return {};
  },
  "too many bytes written": (tx) => {
    for (let key = 0; key < 9; key++) tx.put(broken, [BigInt(key)], { filler: Buffer.alloc(million) });
    return {};
  },
  "value too large": (tx) => {
    tx.put(broken, [1n], { filler: Buffer.alloc(1 << 20) });
    return {};
  },
  // Whoever catches what a limit throws does not get around it.
  "limit caught": (tx) => {
    for (let key = 0; key <= 10_100; key++)
      try {
        tx.put(broken, [BigInt(key)], {});
      } catch {}
    return {};
  },
};

/** @param {Record<string, (tx: any, context: any) => unknown>} ways */
const breaking =
  (ways) =>
  (/** @type {any} */ tx, /** @type {any} */ { how }, /** @type {any} */ context) =>
    (ways[how] ?? (() => context.fail("Unknown")))(tx, context);

export default faults.define({
  version: 1,
  errors: { Refused: { code: 9, detail: "faults.v1.Refusal" }, Unknown: { code: 3 } },
  commands: {
    Fill(/** @type {any} */ tx, /** @type {any} */ request) {
      for (let row = 0; row < request.rows; row++) tx.put(rows, [BigInt(request.from) + BigInt(row)], {});
      return {};
    },
    Break(/** @type {any} */ tx, /** @type {any} */ request, /** @type {any} */ context) {
      tx.put(broken, [0n], { filler: Buffer.from(request.how) });
      return breaking({ ...reads, ...writes })(tx, request, context);
    },
    BreakLater(/** @type {any} */ _, /** @type {any} */ { how, afterMs }, /** @type {any} */ context) {
      context.schedule(new Date(context.time.getTime() + afterMs), "Break", { how });
      return {};
    },
  },
  queries: {
    Look: breaking(reads),
    Count(/** @type {any} */ tx, /** @type {any} */ { from }) {
      const count = (/** @type {any} */ table, /** @type {object} */ options) =>
        [...tx.range(table, { ...options, limit: 50_000 })].length;
      return { rows: count(rows, { from: [BigInt(from)] }), broken: count(broken, {}) };
    },
  },
});
