import type { Cluster } from "./cluster.js";
import type { SimulatedNode } from "./node.js";

/** Ticks in which the others get on without it, at least. */
const awayTicks = 60;
/** Ticks in which leaders reach nobody else, at least. */
const aloneTicks = 40;

/**
 * A replica is cut off while the others go on and trim. Then leaders that know nothing, for they have just started, reach this one
 * alone: all that they hear of decided slots is what it and the acceptors tell (rules 7, 9 and 19).
 * @param after calls back after so many ticks
 * @param crash ends a process, which is started again after so many ticks
 */
export function leaveBehind(
  cluster: Cluster,
  left: SimulatedNode,
  ticks: number,
  after: (ticks: number, work: () => void) => void,
  crash: (node: SimulatedNode, ticks: number) => void,
): void {
  const { leaders, network, replicas } = cluster;
  const others = replicas.filter((node) => node !== left);
  const apart = (nodes: readonly SimulatedNode[], from: readonly SimulatedNode[], lasts: number) => {
    for (const [a, b] of nodes.flatMap((x) => from.map((y) => [x.peer.id, y.peer.id] as const))) {
      cluster.disconnect(a, b);
      for (const [one, another] of [
        [a, b],
        [b, a],
      ] as const) {
        network.cut(one, another);
        after(lasts, () => network.mend(one, another));
      }
    }
  };
  const away = awayTicks + 2 * ticks;
  apart([left], [...leaders, ...others], away);
  after(away, () => {
    apart(others, leaders, aloneTicks + ticks);
    for (const leader of leaders) crash(leader, 1 + (ticks % 5));
  });
}
