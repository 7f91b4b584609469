import type { Random, Value } from "@synod/core";
import type { Cluster } from "./cluster.js";
import { drawChange } from "./membership.js";

const repeatTicks = 16;

/** Changes the acceptors: now and again two choices that exclude each other, each repeated until one is decided. */
export class Operator {
  readonly #cluster: Cluster;
  readonly #random: Random;
  #proposals = 0;
  #changes: (Value & { readonly kind: "configuration" })[] = [];

  constructor(cluster: Cluster, random: Random) {
    this.#cluster = cluster;
    this.#random = random;
  }

  tick(): void {
    const { checker, faulty, options, acceptors, leaders, replicas, now } = this.#cluster;
    const latest = checker.latest.configuration;
    if (faulty && this.#random() < options.reconfigure) {
      const proposal = { replica: "operator", incarnation: 1, number: ++this.#proposals };
      const present = acceptors.filter((node) => !node.gone);
      this.#changes.push(drawChange(this.#random, latest, present, proposal));
    }
    if (now % repeatTicks !== 0) return;
    this.#changes = this.#changes.filter(({ configuration }) => configuration.predecessor === latest.number);
    const from = replicas.find((node) => node.up);
    for (const value of this.#changes) {
      const message = { kind: "propose", slot: 1, value, forwarded: false } as const;
      for (const leader of leaders) {
        if (!from || !leader.up || leader.paused) continue;
        checker.received(from.peer.id, leader.peer.id, message);
        leader.post({ kind: "message", from: from.peer, message });
      }
    }
  }
}
