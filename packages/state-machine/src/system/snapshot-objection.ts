import type { Configuration } from "@synod/core";
import {
  appliedKey,
  type ConfigurationCodec,
  configurationRange,
  decodeApplied,
  isServiceKey,
  quotaKey,
  sessionPrefix,
} from "../state/layout.js";
import { MemoryMap } from "../state/memory-map.js";
import { Reports } from "./reports.js";
import { Versions } from "./versions.js";

type Row = readonly [key: Uint8Array, value: Uint8Array];

/** Of these kinds there may be many rows: commands that wait. */
const numerousKinds = new Set(["d", "e"].map((kind) => kind.charCodeAt(0)));

/** True when a snapshot is judged by the row with this key: the engine's own rows, which are few, and small. */
export function isJudgedBy(key: Uint8Array): boolean {
  return !isServiceKey(key) && key[0] !== sessionPrefix[0] && !numerousKinds.has(key[0] as number);
}

export interface Judge {
  /** The reports of the replicas that are known here. */
  readonly reports: Reports;
  /** In force; undefined where none is known. */
  readonly configuration: Configuration | undefined;
  readonly configurationCodec: ConfigurationCodec;
}

/**
 * The objection to going on with a snapshot that has these rows, of those by which it is judged: that no engine of this
 * build could start on it, the reports in it, or those known here (rule 27). Undefined when nothing does. The format stands
 * in the first row, so that the rows of the first page are enough to refuse another one.
 */
export function snapshotObjection(
  rows: Iterable<Row>,
  { reports, configuration, configurationCodec }: Judge,
): string | undefined {
  const map = new MemoryMap();
  for (const [key, value] of rows) map.put(key, value);
  let its: Reports;
  try {
    its = readReports(map, configurationCodec);
  } catch (error) {
    return `this build cannot go on with it: ${error instanceof Error ? error.message : error}`;
  }
  if (its.divergence !== undefined)
    return `it is of a replica that differs from the others at slot ${its.divergence.slot}`;
  const found =
    configuration &&
    (its.contradiction(its.checkpoints, configuration) ??
      reports.contradiction(its.checkpoints, configuration));
  if (found === undefined) return undefined;
  const { slot, hash, majority } = found;
  return `its hash at slot ${slot} is ${hash.slice(0, 12)}, and a majority reported ${majority.slice(0, 12)}`;
}

/** Reads everything that an engine reads of these rows at its start, and throws what that would throw. */
function readReports(map: MemoryMap, configurationCodec: ConfigurationCodec): Reports {
  const applied = map.get(appliedKey);
  if (applied === undefined) throw new Error("expected what was applied in its first row, found none");
  decodeApplied(applied);
  for (const [, value] of map.range(configurationRange)) configurationCodec.decode(value);
  const quota = map.get(quotaKey);
  if (quota !== undefined && !Number.isSafeInteger(Number(Buffer.from(quota).toString())))
    throw new Error("expected a quota in bytes, found something else");
  new Versions(map, []);
  return new Reports(map);
}
