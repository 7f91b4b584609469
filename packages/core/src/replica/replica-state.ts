import type { Ballot } from "../ballot.js";

/** A replica as it is seen from outside. */
export interface ReplicaState {
  /** The lowest slot not applied. */
  readonly slotOut: number;
  /** The highest slot known to be decided; 0 when none is. */
  readonly highestKnown: number;
  /** Below it leaders need not know decisions any more: a replica whose slot_out is lower needs a snapshot (rule 19). */
  readonly trimmedBelow: number;
  /** Commands not proposed yet. */
  readonly queued: number;
  /** Bytes of them. */
  readonly queuedBytes: number;
  /** Proposals not decided yet. */
  readonly outstanding: number;
  /** The active leader it knows of. */
  readonly leader: string | undefined;
  readonly ballot: Ballot;
  /** Ids of the acceptors that the leader with the highest ballot does not reach; of any leader when none leads. */
  readonly unreachable: readonly string[];
}
