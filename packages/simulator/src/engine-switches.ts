import { randomBelow } from "@synod/core";
import { engineName, switchVersionMethod } from "@synod/state-machine";
import { type Cluster, pick } from "./cluster.js";
import type { SimulatedNode } from "./node.js";
import { releaseFor, releases } from "./releases.js";

/** Probabilities per tick that a replica gets another release, or another Node for a while, and that an engine's version is asked for. */
const rates = { release: 0.012, runtime: 0.002, switch: 0.015 } as const;
const patienceMs = 20_000;

/** Somebody who exchanges the releases of Synod on which replicas run, and switches the engine, now and then too early or back. */
export class EngineSwitches {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    cluster.stoodOnAnother = (node) => this.#replaced(node);
  }

  tick(): void {
    const { replicas, streams, checker } = this.#cluster;
    const random = streams.engines;
    if (random() < rates.release) {
      const [lowest] = [...replicas].sort((a, b) => a.release - b.release) as [SimulatedNode];
      const kind = random();
      const node = kind < 0.6 ? lowest : pick(random, replicas);
      const release = kind < 0.8 ? node.release + 1 : randomBelow(random, releases.length);
      const ticks = 1 + randomBelow(random, 20);
      if (node.up) this.#restart(node, release, ticks);
    }
    if (random() < rates.runtime && checker.log.foundation !== undefined) {
      const node = pick(random, replicas);
      if (node.up) this.#visit(node);
    }
    if (random() < rates.switch) this.#switch(1 + randomBelow(random, 2));
  }

  /** Another Node for a while. */
  #visit(node: SimulatedNode): void {
    node.otherRuntime = true;
    this.#restart(node, node.release, 2);
    this.#cluster.later(80, () => {
      node.otherRuntime = false;
      this.#restart(node, node.release, 2);
    });
  }

  /** It says that it runs on another ground than what is in force where it stands: it gets a release that has that. */
  #replaced(node: SimulatedNode): void {
    this.#cluster.trace.count("replica on another ground");
    const { life } = node;
    this.#cluster.later(10, () => {
      const inForce = node.process?.engine.system.foundation;
      if (!node.up || node.life !== life || node.otherRuntime) return;
      // Without a state it knows only that what begins the log is not for it: another release may do.
      const next = (node.release + 1) % releases.length;
      this.#restart(node, inForce === undefined ? next : releaseFor(inForce), 5);
    });
  }

  #restart(node: SimulatedNode, release: number, ticks: number): void {
    node.release = Math.max(0, Math.min(releases.length - 1, release));
    this.#cluster.note(
      `${node.peer.id} gets release ${node.release}${node.otherRuntime ? " on another Node" : ""}`,
    );
    this.#cluster.crash(node);
    this.#cluster.later(ticks, () => this.#cluster.start(node));
  }

  #switch(version: number): void {
    const { replicas, streams, trace } = this.#cluster;
    const { process, paused } = pick(streams.engines, replicas);
    if (!process || paused) return;
    const command = process.commands.make(switchVersionMethod, { service: engineName, version });
    process.requests.submit([command], "operator", patienceMs, (_, { status }) => {
      trace.count(`engine switch ${status === 0 ? "decided" : "refused"}`);
    });
  }
}
