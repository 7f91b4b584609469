import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import * as grpc from "@grpc/grpc-js";
import { type Configuration, defaultLimits, type Genesis, type Limits } from "@synod/core";
import { AcceptorHost, Health, type Host, type HostOptions, LeaderHost, ReplicaHost } from "@synod/node";
import { calculatorService, keyValueService, lockService } from "@synod/state-machine";
import { type AcceptorStore, MemoryAcceptorDisk, MemoryReplicaDisk, type ReplicaStore } from "@synod/storage";
import { recordCodec } from "@synod/wire";

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => net.createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

export interface Counts {
  readonly acceptors: number;
  readonly leaders: number;
  readonly replicas: number;
}

const replicated = [keyValueService, calculatorService, lockService];

/** Ticks short enough for a test, and a leader that is replaced within a second. */
const limits: Limits = { ...defaultLimits, tickMs: 10 };

/** What a disk does wrong, to show that the suite sees it. */
export type StoreFault = (store: AcceptorStore, disk: MemoryAcceptorDisk) => AcceptorStore;
export type ReplicaFault = (store: ReplicaStore) => ReplicaStore;

/** Members of one cluster, each a host of its own in this process, on disks in memory that outlive a crash. */
export class Members {
  readonly #genesis: Genesis;
  readonly #clusterId: string;
  readonly #hosts = new Map<string, { host: Host; health: Health }>();
  readonly #acceptorDisks = new Map<string, MemoryAcceptorDisk>();
  readonly #fault: StoreFault;
  readonly #replicaFault: ReplicaFault;

  /** Starts members, all of them unless `ids` says which. */
  static async start(
    counts: Counts,
    ids?: readonly string[],
    fault: StoreFault = (store) => store,
    replicaFault: ReplicaFault = (store) => store,
  ): Promise<Members> {
    const ports = await freePorts(counts.acceptors + counts.leaders + counts.replicas);
    const members = new Members(counts, ports, fault, replicaFault);
    await Promise.all((ids ?? members.#ids).map((id) => members.#start(id)));
    return members;
  }

  private constructor(counts: Counts, ports: number[], fault: StoreFault, replicaFault: ReplicaFault) {
    const named = (prefix: string, count: number) =>
      Array.from({ length: count }, (_, index) => ({
        id: `${prefix}${index + 1}`,
        address: `127.0.0.1:${ports.shift()}`,
      }));
    const configuration: Configuration = {
      number: 1,
      predecessor: 0,
      acceptors: named("a", counts.acceptors).map((member) => ({ ...member, store: `store-${member.id}` })),
      leaders: named("l", counts.leaders),
      replicas: named("r", counts.replicas),
    };
    this.#genesis = { window: 256, configuration };
    this.#clusterId = `contract-${ports.length}-${configuration.acceptors[0]?.address.split(":")[1]}`;
    this.#fault = fault;
    this.#replicaFault = replicaFault;
    for (const { id, store } of configuration.acceptors)
      this.#acceptorDisks.set(id, new MemoryAcceptorDisk({ id, store, codec: recordCodec }));
  }

  address(id: string): string {
    const found = this.#members.find((member) => member.id === id);
    if (!found) throw new Error(`no member ${id}`);
    return found.address;
  }

  status(id: string): ReturnType<Host["status"]> {
    const running = this.#hosts.get(id);
    if (!running) throw new Error(`${id} does not run`);
    return running.host.status();
  }

  /** Kills an acceptor: what its disk was not told to keep is gone. Then starts it again. */
  async restart(id: string): Promise<void> {
    const { host } = this.#hosts.get(id) ?? {};
    this.#hosts.delete(id);
    this.#acceptorDisks.get(id)?.crash();
    await host?.stop();
    await this.#start(id);
  }

  /** Every replica that runs serves. */
  async ready(): Promise<void> {
    const until = Date.now() + 15_000;
    while ([...this.#hosts.values()].some(({ host }) => !host.serving)) {
      if (Date.now() > until) {
        const problems = [...this.#hosts].map(([id, { host }]) => `${id}: ${host.status().problem}`);
        throw new Error(`not ready: ${problems.join("; ")}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#hosts.values()].map(({ host }) => host.stop()));
    this.#hosts.clear();
  }

  get #members() {
    const { acceptors, leaders, replicas } = this.#genesis.configuration;
    return [...acceptors, ...leaders, ...replicas];
  }

  get #ids(): string[] {
    return this.#members.map(({ id }) => id);
  }

  async #start(id: string): Promise<void> {
    const names = id.startsWith("r") ? replicated.map(({ name }) => name) : [];
    const health = new Health([this.#serviceOf(id), ...names]);
    const nothing = () => {};
    const options: HostOptions = {
      id,
      genesis: this.#genesis,
      clusterId: this.#clusterId,
      limits,
      listen: this.address(id),
      serverCredentials: grpc.ServerCredentials.createInsecure(),
      channelCredentials: grpc.credentials.createInsecure(),
      logger: { debug: nothing, info: nothing, warn: nothing, error: nothing },
      version: "0.0.0-test",
      onFatal: (code, error) => {
        throw new Error(`${id} had to end with exit code ${code}`, { cause: error });
      },
      register: (server) => health.addTo(server),
      onStopping: () => health.stop(),
    };
    const host = this.#host(options);
    this.#hosts.set(id, { host, health });
    await host.start();
    health.follow(host);
  }

  #serviceOf(id: string): string {
    return { a: "synod.v1.Acceptor", l: "synod.v1.Leader", r: "synod.v1.Replica" }[id[0] as "a" | "l" | "r"];
  }

  #host(options: HostOptions): Host {
    const { id, clusterId } = options;
    const disk = this.#acceptorDisks.get(id);
    if (disk) return new AcceptorHost({ ...options, store: this.#fault(disk.open({ id, clusterId }), disk) });
    if (id.startsWith("l")) return new LeaderHost(options);
    const onFailure = (error: unknown) => options.onFatal(7, error);
    const store = new MemoryReplicaDisk({ store: `store-${id}` }).open({
      id,
      clusterId,
      flushEveryMs: 5,
      onFailure,
    });
    return new ReplicaHost({
      ...options,
      store: this.#replicaFault(store),
      services: replicated,
    });
  }
}
