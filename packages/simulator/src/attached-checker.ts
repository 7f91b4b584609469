import type { SimulatedNode } from "./node.js";
import { Violation } from "./violation.js";

/** Between two looks at what a leader says, in ticks. */
const lookTicks = 20;
/** The end of a stream is heard at once; one look may fall in between. */
const mostLooks = 2;

/** Watches whom leaders take to be connected, in worlds of streams: a replica whose stream ended is not (rule 11). */
export class AttachedChecker {
  /** By leader, its life, and replica: looks in a row at which the leader lists the replica, and no stream between them is open. */
  #wrong = new Map<string, number>();

  /** @param open says whether a stream from a replica to a leader is open */
  look(
    now: number,
    leaders: readonly SimulatedNode[],
    open: (replica: string, leader: SimulatedNode) => boolean,
  ): void {
    if (now % lookTicks !== 0) return;
    const wrong = new Map<string, number>();
    for (const leader of leaders) {
      if (!leader.up) continue;
      const { peer, life } = leader;
      for (const replica of leader.attachedReplicas) {
        if (open(replica, leader)) continue;
        const key = `${peer.id} ${life} ${replica}`;
        const looks = (this.#wrong.get(key) ?? 0) + (leader.paused ? 0 : 1);
        wrong.set(key, looks);
        if (looks > mostLooks)
          throw new Violation(`${peer.id} takes ${replica} to be connected; no stream between them is open`);
      }
    }
    this.#wrong = wrong;
  }
}
