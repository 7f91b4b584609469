import { randomBelow } from "@synod/core";
import { Client } from "./client.js";
import { ClientWay } from "./client-way.js";
import type { Cluster } from "./cluster.js";
import type { SimulatedNode } from "./node.js";
import { drawOperation } from "./operation.js";
import { drawStockOperation } from "./stock/operation.js";
import { Timers } from "./timers.js";

/** All clients. What they are told is held against the log. */
export class Clients {
  readonly #cluster: Cluster;
  readonly all: readonly Client[];
  readonly #timers: Timers;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    const { options, streams, replicas, checker, trace } = cluster;
    // Within a promise of the client, where nobody would hear of what is thrown.
    const judge = (judgement: () => void) => {
      try {
        judgement();
      } catch (error) {
        cluster.fail(error);
      }
    };
    this.#timers = new Timers(() => cluster.now * options.limits.tickMs);
    this.all = Array.from({ length: options.clients }, (_, index) => {
      const id = `c${index + 1}`;
      return new Client(id, {
        random: streams.clients,
        draw: (...drawn) =>
          options.upgrades && streams.upgrades() < 0.4
            ? drawStockOperation(streams.upgrades, options.realm)
            : drawOperation(streams.clients, ...drawn),
        scheduler: this.#timers,
        outstanding: options.outstanding,
        faulty: () => cluster.faulty,
        replicas: replicas.length,
        port: (replica) => new ClientWay(id, replicas[replica] as SimulatedNode, cluster),
        answered: (operation, reply) => {
          trace.count("acknowledged");
          judge(() => checker.log.answered(id, operation, reply));
        },
        failed: (operation, error) => {
          trace.count(`call ended ${error.outcome}`);
          judge(() => checker.log.failed(id, operation, error));
        },
      });
    });
  }

  /** The number of answers that clients still wait for. */
  get waiting(): number {
    return this.all.reduce((sum, client) => sum + client.waiting, 0);
  }

  /** Some of them want something. */
  ask(): void {
    const { streams, options } = this.#cluster;
    for (const client of this.all)
      if (streams.clients() < options.request) client.want(1 + randomBelow(streams.clients, 5));
  }

  tick(): void {
    for (const client of this.all) client.tick();
    this.#timers.tick();
    this.#timers.turn();
  }
}
