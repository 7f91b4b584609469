import type { Ballot } from "../ballot.js";
import type { Claim } from "./claims.js";

/** A leader as it is seen from outside. */
export interface LeaderState {
  readonly phase: "passive" | "scouting" | "active";
  /** Its own ballot when it leads or runs, else the one it watches; `noBallot` for nobody. */
  readonly ballot: Ballot;
  readonly slotOut: number;
  readonly commanders: number;
  readonly queued: number;
  /** Ids of the acceptors it does not reach, of the configuration that rules slot_out. */
  readonly unreachable: readonly string[];
  /**
   * Peers that say more is decided than the acceptors know of (rule 28). An active leader goes on without believing them;
   * one that is told so before it leads does not lead.
   */
  readonly contradicted: readonly Claim[];
}
