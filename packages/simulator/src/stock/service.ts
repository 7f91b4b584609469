import { type BoundService, replicatedService, Status } from "@synod/state-machine";
import { loadServices } from "@synod/wire";
import { descriptorSetBase64 } from "../gen/descriptors.js";
import type { StockHandlers } from "../gen/stock/v1/Stock.js";
import type { ProtoGrpcType } from "../gen/stock.js";

export const stockName = "stock.v1.Stock";

const descriptors = Buffer.from(descriptorSetBase64, "base64");

/** How the requests and responses of the service become bytes and back. */
export const stockDescriptions = loadServices(descriptors);

/** The versions that a build runs, oldest and newest. */
export type Build = readonly [oldest: number, newest: number];

/** Each runs what the one before it brought, and the last nothing older than that. */
export const builds: readonly Build[] = [
  [1, 1],
  [1, 2],
  [2, 3],
];

/**
 * The service as one of its builds has it. Version 2 counts in pieces, and can clear; in version 3 an item that has none left is
 * no error any more: what is missing stays away.
 */
export function stockService([oldestVersion, version]: Build): BoundService {
  const stock = replicatedService<ProtoGrpcType, StockHandlers>({ descriptors, service: stockName });
  const items = stock.table("items", ["string"], "stock.v1.Item", {
    upgrade: (item, from) => (from < 2 ? { ...item, unit: "piece" } : item),
  });
  const movements = stock.table("movements", ["string", "int64"], "stock.v1.Movement");
  const service = stock.define({
    version,
    oldestVersion,
    errors: {
      TooFew: { code: Status.failedPrecondition, detail: "stock.v1.TooFew" },
      Nothing: { code: Status.notFound },
    },
    commands: {
      Move(tx, { item, change }, context) {
        const known = tx.get(items, item);
        const left = BigInt(known?.count ?? 0) + BigInt(change);
        if (left < 0n && context.version < 3)
          context.fail("TooFew", { missing: String(-left) }, `${item} lacks ${-left}`);
        const count = String(left < 0n ? 0n : left);
        const unit = known?.unit ?? (context.version < 2 ? "" : "piece");
        tx.put(items, [item], { count, unit });
        tx.put(movements, [item, context.revision], { change });
        return { count, unit };
      },
      Order(_tx, { id, move, afterMs }, context) {
        const at = new Date(context.time.getTime() + Number(afterMs));
        if (move === null) context.unschedule(id);
        else context.schedule(at, "Move", move, id);
        const die = Math.floor(context.random() * 6);
        return { atMs: String(at.getTime()), reference: `${context.uuid()} ${die}` };
      },
      Clear(tx, { item }, context) {
        if (context.version < 2) context.fail("Nothing", "nothing is cleared yet");
        const rows = [...tx.range(movements, { prefix: [item] })];
        if (rows.length === 0) context.fail("Nothing", `${item} never moved`);
        for (const [key] of rows) tx.delete(movements, ...key);
        tx.delete(items, item);
        return { movements: String(rows.length) };
      },
    },
    queries: {
      Count(tx, { item }) {
        const { count = "0", unit = "" } = tx.get(items, item) ?? {};
        const moved = [...tx.range(movements, { prefix: [item], reverse: true })].length;
        return { count, unit, movements: String(moved) };
      },
    },
    validate: {
      Move: ({ change }, inForce) =>
        inForce < 3 && Math.abs(Number(change)) > 500 ? "change: expected at most 500" : undefined,
    },
  });
  return service.bind(loadServices);
}
