import { randomBelow } from "@synod/core";
import { defaultQuotaBytes, setQuotaMethod, switchVersionMethod } from "@synod/state-machine";
import { type Cluster, pick } from "../cluster.js";
import type { SimulatedNode } from "../node.js";
import { builds, stockName } from "./definition.js";

/** Probabilities per tick that a replica gets another build, that a version is asked for, and that the quota is set. */
const rates = { restart: 0.012, switch: 0.015, quota: 0.003 } as const;
const patienceMs = 20_000;

/** Somebody who upgrades the user's service while it runs: replica by replica, now and then too early, or back. */
export class Upgrades {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    cluster.lacked = (node) => this.#lacked(node);
  }

  tick(): void {
    const { replicas, streams } = this.#cluster;
    const random = streams.upgrades;
    if (random() < rates.restart) {
      const [lowest] = [...replicas].sort((a, b) => a.build - b.build) as [SimulatedNode];
      const kind = random();
      const node = kind < 0.7 ? lowest : pick(random, replicas);
      if (node.up) this.#restart(node, node.build + (kind < 0.85 ? 1 : -1), 1 + randomBelow(random, 20));
    }
    if (random() < rates.switch) {
      const lowest = Math.min(...replicas.map(({ build }) => build));
      const [, newest] = builds[lowest] ?? [1, 1];
      const version = Math.max(1, newest + (random() < 0.3 ? randomBelow(random, 3) - 1 : 0));
      this.#decide(switchVersionMethod, { service: stockName, version }, "switch");
    }
    if (random() < rates.quota) {
      const bytes = random() < 0.5 ? defaultQuotaBytes : 200 + randomBelow(random, 2_000);
      this.#decide(setQuotaMethod, { bytes }, "quota");
    }
  }

  /** Faults are over: no replica is left with a build that cannot run the version in force. */
  end(): void {
    this.#decide(setQuotaMethod, { bytes: defaultQuotaBytes }, "quota");
  }

  /**
   * Its build lacks the version in force: it is started with one that has it (rule 26). A replica that stands at an old slot
   * may need an old build.
   */
  #lacked(node: SimulatedNode): void {
    const { checker, trace } = this.#cluster;
    trace.count("build without the version in force");
    const { life } = node;
    this.#cluster.later(10, () => {
      if (!node.up || node.life !== life) return;
      const own = node.process?.engine.system.versions.inForce(stockName);
      // The slot that it cannot execute brings the service into use, under a version that its state does not know: another may do.
      if (own === undefined) {
        this.#restart(node, (node.build + builds.length - 1) % builds.length, 5);
        return;
      }
      const [oldest, newest] = builds[node.build] ?? [1, 1];
      const has = oldest <= own && own <= newest;
      const version = has ? (checker.log.stockVersion ?? 1) : own;
      this.#restart(
        node,
        builds.findLastIndex((build) => build[0] <= version && version <= build[1]),
        5,
      );
    });
  }

  #restart(node: SimulatedNode, build: number, ticks: number): void {
    node.build = Math.max(0, Math.min(builds.length - 1, build));
    this.#cluster.note(`${node.peer.id} gets build ${node.build}`);
    this.#cluster.crash(node);
    this.#cluster.later(ticks, () => this.#cluster.start(node));
  }

  #decide(
    method: string,
    said: Parameters<NonNullable<SimulatedNode["process"]>["commands"]["make"]>[1],
    what: string,
  ): void {
    const { replicas, streams, trace } = this.#cluster;
    const node = pick(streams.upgrades, replicas);
    const { process } = node;
    if (!process || node.paused) return;
    process.requests.submit(
      [process.commands.make(method, said)],
      "operator",
      patienceMs,
      (_, { status }) => {
        trace.count(`${what} ${status === 0 ? "decided" : "refused"}`);
      },
    );
  }
}
