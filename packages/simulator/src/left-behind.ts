import type { Cluster } from "./cluster.js";
import type { SimulatedNode } from "./node.js";

/** Ticks in which the others get on without a replica, at least. */
const awayTicks = 60;
/** Ticks in which leaders reach no other one, at least. */
const aloneTicks = 40;

/** The parts of the faults of a world that carry these out. */
interface Means {
  /** Calls back after so many ticks. */
  after(ticks: number, work: () => void): void;
  /** Ends a process, which is started again after so many ticks. */
  crash(node: SimulatedNode, ticks: number): void;
}

/** A replica is cut off from leaders and replicas for so many ticks and some more, while the others go on and trim. */
export function cutOff(cluster: Cluster, left: SimulatedNode, ticks: number, means: Means): void {
  isolate(cluster, left, awayTicks / 2 + ticks, means);
}

/**
 * A replica is cut off. Then leaders that know nothing, for they have just started, reach this one alone: all that they hear of
 * decided slots is what it and the acceptors tell (rules 7 and 9).
 */
export function leaveBehind(cluster: Cluster, left: SimulatedNode, ticks: number, means: Means): void {
  const { leaders, replicas } = cluster;
  const others = replicas.filter((node) => node !== left);
  const away = awayTicks + 2 * ticks;
  isolate(cluster, left, away, means);
  means.after(away, () => {
    separate(cluster, others, leaders, (work) => means.after(aloneTicks + ticks, work));
    for (const leader of leaders) means.crash(leader, 1 + (ticks % 5));
  });
}

function isolate(cluster: Cluster, left: SimulatedNode, ticks: number, { after }: Means): void {
  const others = [...cluster.leaders, ...cluster.replicas].filter((node) => node !== left);
  separate(cluster, [left], others, (work) => after(ticks, work));
}

/** Cuts all links between nodes of two kinds. @param until calls back when it is over */
function separate(
  cluster: Cluster,
  nodes: readonly SimulatedNode[],
  others: readonly SimulatedNode[],
  until: (work: () => void) => void,
): void {
  const { network } = cluster;
  for (const [a, b] of nodes.flatMap((x) => others.map((y) => [x.peer.id, y.peer.id] as const))) {
    cluster.disconnect(a, b);
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      network.cut(from, to);
      until(() => network.mend(from, to));
    }
  }
}
