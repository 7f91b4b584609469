import type { DecidedLog } from "@synod/storage";

/** The bounds of the decided log that stays. */
export interface KeptLog {
  readonly slots: number;
  readonly bytes: number;
}

/** The part of the decided log that a replica keeps, for others that lag and for whoever wants to read it. */
export const keptLog: KeptLog = { slots: 65_536, bytes: 64 << 20 };
/** Part of the log that goes at a time when it has too many bytes. */
const share = 64;

/**
 * Lets go of the oldest part of the log, which nothing rests on: this replica's state is on its disk, and what is not on
 * the disks of a majority the acceptors keep.
 * @param durableSlot everything up to it is on disk
 * @param lastSwitch up to this slot other versions were in force, and nobody executes what was decided there any more (rule 32)
 * @param reader the lowest slot behind which a replica that catches up from this one needs the log
 */
export function trimLog(
  log: DecidedLog,
  durableSlot: number,
  lastSwitch: number,
  reader = Number.POSITIVE_INFINITY,
  kept = keptLog,
): void {
  if (lastSwitch <= durableSlot) log.trim(lastSwitch + 1);
  const most = Math.min(durableSlot, reader);
  const trim = (below: number) => log.trim(Math.min(below, most + 1));
  if (log.first > 0 && log.last - log.first >= kept.slots) trim(log.last - kept.slots + 1);
  for (let first = log.first; log.bytes > kept.bytes; first = log.first) {
    trim(first + Math.max(1, Math.ceil((log.last - first) / share)));
    if (log.first === first) return;
  }
}
