import { status } from "@grpc/grpc-js";
import type { DecidedLog } from "@synod/storage";
import { anotherCluster, decodeValue, type LogPage, type LogRequest, meantFor } from "@synod/wire";
import { CallError } from "../../transport/server.js";

const most = { slots: 1_000, bytes: 1 << 20 } as const;

/** The replica whose log is asked for. */
export interface LogOwner {
  readonly replica: string;
  readonly clusterId: string;
  readonly log: Pick<DecidedLog, "page">;
  /** Up to this slot other versions were in force: it is not for others to execute (rule 32). */
  readonly lastSwitch: number;
}

/** A part of the decided log. Throws CallError where another cluster is meant (rule 28). */
export function logPageOf(
  { replica, clusterId, log, lastSwitch }: LogOwner,
  { from, limit, clusterId: meant }: LogRequest,
): LogPage {
  if (meant !== "" && meant !== clusterId)
    throw new CallError(
      status.FAILED_PRECONDITION,
      anotherCluster(`replica ${replica}`, clusterId, meant),
      meantFor(clusterId),
    );
  const slots = limit === 0 ? most.slots : Math.min(limit, most.slots);
  const { entries, next } = log.page(Math.max(from, lastSwitch + 1), slots, most.bytes);
  const decisions = entries.map(
    ({ slot, value }) => ({ kind: "decision", slot, value: decodeValue(value) }) as const,
  );
  return { decisions, next, clusterId };
}
