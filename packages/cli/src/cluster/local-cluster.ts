import { Child, type Ending } from "./child.js";
import type { Plan } from "./plan.js";

/** A graceful stop takes less; whoever is left then is ended, so that all is over within 5 s. */
const graceMs = 4_500;

export interface ClusterEvents {
  /** A service runs without a log, for a reason that is given in words. */
  unlogged(child: Child, trouble: string): void;
  /** A service ended although nobody stopped the cluster. */
  died(child: Child, ending: Ending): void;
}

/** The processes of a local cluster. It starts and stops them; it restarts none. */
export class LocalCluster {
  readonly plan: Plan;
  readonly children: readonly Child[];
  #stopping: Promise<void> | undefined;

  constructor(plan: Plan, events: ClusterEvents) {
    this.plan = plan;
    this.children = plan.members.map((member) => new Child(member));
    for (const child of this.children) {
      if (child.logTrouble !== undefined) events.unlogged(child, child.logTrouble);
      void child.ended.then((ending) => {
        if (this.#stopping === undefined) events.died(child, ending);
      });
    }
  }

  /** The reason why the cluster cannot move with the processes that are left; undefined when it can. */
  get hopeless(): string | undefined {
    const left = (role: string) =>
      this.children.filter((child) => child.member.role === role && child.running).length;
    const needed = Math.floor(this.plan.counts.acceptors / 2) + 1;
    if (left("acceptor") < needed) {
      return `${needed} of ${this.plan.counts.acceptors} acceptors are needed, ${left("acceptor")} run`;
    }
    if (left("leader") === 0) return "no leader runs";
    if (left("replica") === 0) return "no replica runs";
    return undefined;
  }

  /** Asks every process to stop, and ends those that do not in time. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    for (const child of this.children) child.signal("SIGTERM");
    const kill = setTimeout(() => {
      for (const child of this.children) child.signal("SIGKILL");
    }, graceMs);
    await Promise.all(this.children.map((child) => child.ended));
    clearTimeout(kill);
  }
}
