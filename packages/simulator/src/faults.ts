import { below } from "@synod/core";
import type { Cluster } from "./cluster.js";
import type { SimulatedNode } from "./node.js";

/** Everything that goes wrong, tick by tick, as the options say. */
export class Faults {
  readonly #cluster: Cluster;
  /** The acceptor that lost its directory. */
  amnesiac: string | undefined;
  #stores = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  tick(): void {
    const { random, nodes, network, trace } = this.#cluster;
    const { crash, reset, partition, pause, resume, amnesia, replicaLoss } = this.#cluster.options;
    if (random() < crash) this.#cluster.crash(this.#cluster.pick());
    for (const node of nodes) if (!node.up && random() < 0.05) this.#cluster.start(node);
    if (random() < reset) {
      trace.count("reset");
      this.#cluster.disconnect(this.#cluster.pick().peer.id, this.#cluster.pick().peer.id);
    }
    if (random() < partition) this.#partition();
    if (random() < 0.03) network.heal();
    if (random() < pause) {
      const node = this.#cluster.pick();
      if (node.up) node.paused = !node.paused;
      trace.count("pause");
    }
    for (const node of nodes) if (node.paused && random() < resume) node.paused = false;
    if (amnesia && this.amnesiac === undefined && random() < 0.004) this.#loseAcceptor();
    if (random() < replicaLoss) this.#loseReplica(this.#cluster.pick("replica"));
  }

  #loseAcceptor(): void {
    const { acceptors, random, trace } = this.#cluster;
    const node = acceptors[below(random, acceptors.length)] as SimulatedNode;
    this.amnesiac = node.peer.id;
    trace.count("lost directory");
    this.#cluster.crash(node);
    node.loseDisk(`new-store-${node.peer.id}`);
  }

  #loseReplica(node: SimulatedNode): void {
    const { checker, trace } = this.#cluster;
    const { id } = node.peer;
    if (!checker.replicas.mayLose(id)) return;
    trace.count("lost directory of a replica");
    this.#cluster.crash(node);
    const store = `store-${id}-${++this.#stores}`;
    this.#cluster.note(`${id} loses its directory; the next is ${store}`);
    node.loseDisk(store);
    checker.replicas.lost(id, store);
  }

  #partition(): void {
    const { random, network, trace } = this.#cluster;
    trace.count("partition");
    const oneWay = random() < 0.3;
    const [a, b] = [this.#cluster.pick().peer.id, this.#cluster.pick().peer.id];
    network.cut(a, b);
    if (!oneWay) network.cut(b, a);
  }
}
