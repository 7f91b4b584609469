import { below, type Command } from "@synod/core";
import { longestWaitMs } from "@synod/node/parts";
import { openSessionMethod } from "@synod/state-machine";
import { type Response, requests, response } from "@synod/wire";
import { Client } from "./client.js";
import type { Cluster } from "./cluster.js";
import type { SimulatedNode } from "./node.js";

/** All clients, and the way between them and the replicas: late, lossy, and in bytes. */
export class Clients {
  readonly #cluster: Cluster;
  readonly all: readonly Client[];
  /** What arrives, by tick. */
  readonly #arrivals = new Map<number, (() => void)[]>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    const { options, streams, replicas } = cluster;
    this.all = Array.from({ length: options.clients }, (_, index) => {
      const client: Client = new Client(`c${index + 1}`, {
        random: streams.clients,
        now: () => cluster.now,
        outstanding: options.outstanding,
        send: (replica, commands) => this.#send(client, replicas[replica] as SimulatedNode, commands),
        open: (replica) => this.#open(client, replicas[replica] as SimulatedNode),
        replicas: replicas.length,
      });
      return client;
    });
  }

  /** What clients still wait for. */
  get waiting(): number {
    return this.all.reduce((sum, client) => sum + client.waiting, 0);
  }

  /** Some of them want something. */
  ask(): void {
    const { streams, options } = this.#cluster;
    for (const client of this.all)
      if (streams.clients() < options.request) client.want(1 + below(streams.clients, 5));
  }

  tick(): void {
    const { now } = this.#cluster;
    for (const arrive of this.#arrivals.get(now) ?? []) arrive();
    this.#arrivals.delete(now);
    for (const client of this.all) client.tick();
  }

  #send(client: Client, node: SimulatedNode, commands: readonly Command[]): void {
    const bytes = requests.encode(commands);
    this.#travel(() => {
      if (!node.up || node.paused) return;
      this.#note(client.id, node.peer.id, bytes, () => `asks ${commands.map(describe).join(", ")}`);
      node.process?.requests.submit(requests.decode(bytes), longestWaitMs, (_, answer) =>
        this.#answer(client, node, answer, (read) => client.told(read)),
      );
    });
  }

  #open(client: Client, node: SimulatedNode): void {
    this.#travel(() => {
      if (!node.up || node.paused || !node.process) return;
      const { commands, requests } = node.process;
      this.#note(client.id, node.peer.id, new Uint8Array(), () => "asks for a session");
      requests.submit([commands.make(openSessionMethod)], longestWaitMs, (_, answer) =>
        this.#answer(client, node, answer, (read) => client.opened(read)),
      );
    });
  }

  /** @param told whether the client waited for it */
  #answer(client: Client, node: SimulatedNode, answer: Response, told: (read: Response) => boolean): void {
    const bytes = response.encode(answer);
    this.#travel(() => {
      const read = response.decode(bytes);
      const { clientId, sequence, status } = read;
      this.#note(node.peer.id, client.id, bytes, () => `answers ${clientId}#${sequence} with ${status}`);
      if (!told(read)) return;
      this.#cluster.checker.log.told(client.id, clientId, sequence, read);
      this.#cluster.trace.count("acknowledged");
    });
  }

  #note(from: string, to: string, bytes: Uint8Array, text: () => string): void {
    const { trace, now } = this.#cluster;
    trace.message(now, `${from}>${to}`, bytes, () => `${from} → ${to} ${text()}`);
  }

  #travel(arrive: () => void): void {
    const { faulty, options, streams, now } = this.#cluster;
    if (faulty && streams.clients() < options.loss) return;
    const at = now + 1 + below(streams.clients, options.maxDelay);
    const arrivals = this.#arrivals.get(at);
    if (arrivals) arrivals.push(arrive);
    else this.#arrivals.set(at, [arrive]);
  }
}

function describe({ method, clientId, sequence }: Command): string {
  return `${method} ${clientId}#${sequence}`;
}
