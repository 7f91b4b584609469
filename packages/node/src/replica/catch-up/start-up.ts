import type { Member } from "@synod/core";
import type { Status } from "@synod/wire";

/** Another replica's status, as far as it matters to one that starts. */
export interface Other {
  readonly member: Member;
  /** It has applied everything up to here. */
  readonly appliedSlot: number;
  /** A majority of the replicas has, and agrees in, everything up to here. */
  readonly trimPoint: number;
  /** The last slot that switched a version. */
  readonly lastSwitch: number;
}

/** What a status tells of another replica; undefined when it is no replica of this cluster. */
export function otherOf(member: Member, { clusterId, state }: Status, own: string): Other | undefined {
  if (clusterId !== own || state.role !== "replica") return undefined;
  const { slotOut, trimPoint, lastSwitch } = state;
  return { member, appliedSlot: slotOut - 1, trimPoint, lastSwitch };
}

/** A starting replica's own state. */
export interface Own {
  readonly appliedSlot: number;
  /**
   * A report of this very build, with what it can run, is among what is applied here. A switch waits for a report of every
   * replica, so this build would have executed the slots before the next switch with the others, had it run.
   */
  readonly introduced: boolean;
}

/**
 * The slot up to which a starting replica needs the state of another one, instead of executing by itself what was decided up
 * to there (rule 32): what lies before a switch was executed by builds of another version, and what lies before a
 * trim point by builds that a replica with an empty directory knows nothing of. Undefined where the log will do: where
 * nobody has anything of the kind, and where nobody answers, since then nobody could help either. And for a build that
 * took part: replicas that all went down at a switch would otherwise wait for each other, since nobody gives away
 * a state that too few have confirmed (rule 27).
 */
export function slotToReach({ appliedSlot, introduced }: Own, others: readonly Other[]): number | undefined {
  if (introduced) return undefined;
  const slots = others.map(({ lastSwitch, trimPoint }) =>
    appliedSlot === 0 ? Math.max(lastSwitch, trimPoint) : lastSwitch,
  );
  const slot = Math.max(0, ...slots);
  return slot > appliedSlot ? slot : undefined;
}
