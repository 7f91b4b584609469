import { createHash } from "node:crypto";
import {
  type Context,
  type Descriptors,
  type ReplicatedService,
  replicatedService,
  Status,
} from "@synod/state-machine";
import { descriptorSetBase64 } from "../gen/descriptors.js";
import type { Protos } from "../gen/types.js";

export const stockName = "stock.v1.Stock";

/** The versions that a build runs, oldest and newest. */
export type Build = readonly [oldest: number, newest: number];

/** The builds: each runs the newest version of the one before it, and the last runs nothing older than that. */
export const builds: readonly Build[] = [
  [1, 1],
  [1, 2],
  [2, 3],
];

/** Time, chance and what else a handler may take from the language instead of its context. */
export interface Means {
  nowMs(context: Pick<Context<object>, "time">): number;
  random(context: Pick<Context<object>, "random">): number;
  uuid(context: Pick<Context<object>, "uuid">): string;
  /** Ends a reference, so that a mistyped one is noticed; empty for none. */
  seal(reference: string): string;
  /** Called first in every command. */
  begin(revision: bigint): void;
}

/** All from the context. */
export const contextMeans: Means = {
  nowMs: ({ time }) => time.getTime(),
  random: (context) => context.random(),
  uuid: (context) => context.uuid(),
  seal: () => "",
  begin: () => {},
};

/** Computed with much of what a realm has, and the same in every one and outside. */
export function sealOf(reference: string): string {
  const { pathname, host } = new URL(`https://stock.example/${reference}`);
  const bytes = new TextEncoder().encode(decodeURIComponent(pathname));
  const digest = createHash("sha256").update(bytes).update(btoa(host)).digest("hex");
  return ` ${digest.slice(0, 12)}`;
}

/**
 * The service as one of its builds has it. Version 2 counts in pieces, and can clear; in version 3 an item that has none left is
 * no error any more: what is missing stays away. Of every version: an item whose name begins with a brace, and is no JSON, fails
 * in a way that the service does not declare, after it has written.
 */
export function stockDefinition([oldestVersion, version]: Build, means: Means): ReplicatedService {
  const descriptors: Descriptors<Protos> = Buffer.from(descriptorSetBase64, "base64");
  const stock = replicatedService({ descriptors, service: stockName });
  const items = stock.table("items", ["string"], "stock.v1.Item", {
    upgrade: (item, from) => (from < 2 ? { ...item, unit: "piece" } : item),
  });
  const movements = stock.table("movements", ["string", "int64"], "stock.v1.Movement");
  return stock.define({
    version,
    oldestVersion,
    errors: {
      TooFew: { code: Status.failedPrecondition, detail: "stock.v1.TooFew" },
      Nothing: { code: Status.notFound },
      // The code by which the log refuses what comes under a session that is gone: clients must tell the two apart.
      TooEarly: { code: Status.aborted },
    },
    commands: {
      Move(tx, { item, change }, context) {
        means.begin(context.revision);
        const known = tx.get(items, item);
        const left = BigInt(known?.count ?? 0) + BigInt(change);
        if (left < 0n && context.version < 3)
          context.fail("TooFew", { missing: String(-left) }, `${item} lacks ${-left}`);
        const count = String(left < 0n ? 0n : left);
        const unit = known?.unit ?? (context.version < 2 ? "" : "piece");
        tx.put(items, [item], { count, unit });
        tx.put(movements, [item, context.revision], { change });
        if (item.startsWith("{")) JSON.parse(item);
        return { count, unit };
      },
      Order(_tx, { id, move, afterMs }, context) {
        means.begin(context.revision);
        const at = new Date(means.nowMs(context) + Number(afterMs));
        if (move === null) context.unschedule(id);
        else context.schedule(at, "Move", move, id);
        const die = Math.floor(means.random(context) * 6);
        const reference = `${means.uuid(context)} ${die}`;
        return { atMs: String(at.getTime()), reference: `${reference}${means.seal(reference)}` };
      },
      Clear(tx, { item }, context) {
        means.begin(context.revision);
        if (context.version < 2) context.fail("TooEarly", "nothing is cleared yet");
        const rows = [...tx.range(movements, { prefix: [item] })];
        if (rows.length === 0) context.fail("Nothing", `${item} never moved`);
        for (const [key] of rows) tx.delete(movements, ...key);
        tx.delete(items, item);
        return { movements: String(rows.length) };
      },
    },
    queries: {
      Count(tx, { item }) {
        const { count, unit } = tx.getOrEmpty(items, item);
        const moved = [...tx.range(movements, { prefix: [item], reverse: true })].length;
        return { count, unit, movements: String(moved) };
      },
    },
    validate: {
      Move: ({ change }, inForce) =>
        inForce < 3 && Math.abs(Number(change)) > 500 ? "change: expected at most 500" : undefined,
    },
  });
}
