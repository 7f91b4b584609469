import { timeLimits } from "./limits.js";

/**
 * A service's treatment of time in which the whole cluster could decide nothing (rule 35). "resume": it does
 * not count, so that nothing runs out while nobody could renew it. "catch up": it counts, as far as some replica lived
 * through it.
 */
export type AfterStandstill = "resume" | "catch up";

/** Log time by what services declare: standstills are counted in the second alone, so it is never behind the first. */
export interface LogTimes {
  /** In milliseconds. */
  readonly resumeMs: number;
  readonly catchUpMs: number;
}

/** Log time as a batch states it, in milliseconds; an absent field, or 0, states nothing. */
export interface SaidTime {
  /** Log time when its proposer proposed it, as it counted (rules 16 and 35). */
  readonly logTimeMs?: number;
  /** Milliseconds to add for services that catch up after a standstill. */
  readonly standstillMs?: number | undefined;
  /** The proposer knew of no log time: what it says is where log time begins, and nothing where it has begun. */
  readonly beginsLogTime?: boolean | undefined;
  /** The last slot that its proposer had applied; absent when that is the slot before this one. */
  readonly appliedSlot?: number | undefined;
  /** Log time there. */
  readonly appliedLogTimeMs?: number | undefined;
  /** Milliseconds to add there for services that catch up. */
  readonly appliedStandstillMs?: number | undefined;
  /**
   * The number of the doubt that the proposer's clock was in; 0 when in none. In doubt, others may know of more time than it
   * says, so it proposes nothing for clients.
   */
  readonly doubt?: number | undefined;
}

/** Log time as it stands in the replicated state. */
export interface LogTimeState extends LogTimes {
  /** The last slot in which something happened that a span of time can begin with: a command of a service, or what was due. */
  readonly timedSlot: number;
}

/** The times that a batch says; those of its proposer's last slot. */
export function saidTimes({ logTimeMs = 0, standstillMs = 0 }: SaidTime): LogTimes {
  return { resumeMs: logTimeMs, catchUpMs: logTimeMs + standstillMs };
}

/**
 * Log time after a batch (rules 16 and 35): the larger of what it was and of what the batch says. What a proposer says
 * is right for every span that began in a slot it has applied. A span that began after it (`timedSlot`) may have begun later than
 * the proposer counted: beyond what it had applied, proposals in flight get one step between them.
 */
export function advanced(before: LogTimeState, slot: number, said: SaidTime): LogTimeState {
  const { resumeMs, catchUpMs } = saidTimes(said);
  if (before.resumeMs === 0) return { ...before, resumeMs, catchUpMs };
  // It knew of no time: each of its proposals would bring time that has not passed.
  if (said.beginsLogTime) return before;
  const { appliedSlot = slot - 1, appliedLogTimeMs = 0, appliedStandstillMs = 0 } = said;
  const seen = before.timedSlot <= appliedSlot;
  const later = (ms: number, saidMs: number, appliedMs: number) =>
    Math.max(ms, seen ? saidMs : Math.min(saidMs, appliedMs + timeLimits.maxStepMs));
  return {
    ...before,
    resumeMs: later(before.resumeMs, resumeMs, appliedLogTimeMs),
    catchUpMs: later(before.catchUpMs, catchUpMs, appliedLogTimeMs + appliedStandstillMs),
  };
}
