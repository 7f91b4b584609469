import { below, Leader, type Value } from "@synod/core";
import { commandName, simulatedCommand } from "./application.js";
import type { Cluster } from "./cluster.js";
import { drawChange } from "./membership.js";
import type { SimulatedNode } from "./node.js";

/** Those who ask for something: clients, and an operator who changes the acceptors. */
export class Clients {
  readonly #cluster: Cluster;
  #command = 0;
  #changes: (Value & { readonly kind: "configuration" })[] = [];

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Commands at some replica. */
  request(): void {
    const { random, replicas } = this.#cluster;
    const running = replicas.filter((node) => node.up && !node.paused);
    const replica = running[below(random, running.length)];
    if (replica) this.submit(replica, 1 + below(random, 3));
  }

  /** @returns the name of the last one */
  submit(replica: SimulatedNode, count = 1): string {
    const commands = Array.from({ length: count }, () => simulatedCommand(++this.#command));
    const names = commands.map(commandName);
    for (const name of names) this.#cluster.submitted.add(name);
    replica.step({ kind: "requests", commands });
    return names.at(-1) ?? "";
  }

  /** Proposes other acceptors, now and again two choices that exclude each other, and repeats it until one is decided. */
  reconfigure(): void {
    const { checker, random, faulty, options, acceptors, nodes, now } = this.#cluster;
    const latest = checker.latest.configuration;
    if (faulty && random() < options.reconfigure) {
      const proposal = { replica: "operator", incarnation: 1, number: ++this.#command };
      this.#changes.push(drawChange(random, latest, acceptors, proposal));
    }
    if (now % 16 !== 0) return;
    this.#changes = this.#changes.filter(({ configuration }) => configuration.predecessor === latest.number);
    const from = nodes.find((node) => node.peer.role === "replica" && node.up);
    const leaders = nodes.filter((node) => node.role instanceof Leader && !node.paused);
    for (const value of this.#changes) {
      const message = { kind: "propose", slot: 1, value, forwarded: false } as const;
      if (from) for (const leader of leaders) leader.step({ kind: "message", from: from.peer, message });
    }
  }
}
