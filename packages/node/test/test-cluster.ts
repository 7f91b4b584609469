import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import * as grpc from "@grpc/grpc-js";
import { type Configuration, defaultLimits, type Genesis, type Limits } from "@synod/core";
import {
  calculatorService,
  keyValueService,
  lockService,
  type ReplicatedService,
} from "@synod/state-machine";
import { ExecutionMarker, MemoryAcceptorDisk, MemoryReplicaDisk, type ReplicaStore } from "@synod/storage";
import { descriptorSet, loadServices, type PlainMessage, recordCodec } from "@synod/wire";
import { vi } from "vitest";
import { AcceptorHost } from "../src/acceptor/acceptor-host.js";
import { LeaderHost } from "../src/leader/leader-host.js";
import type { Host, HostOptions } from "../src/process/host.js";
import { ReplicaHost } from "../src/replica/replica-host.js";

const loaded = loadServices(descriptorSet);

export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => net.createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) server.close();
  return ports;
}

/** Members of each role, every one a host of its own in this process, on stores in memory that outlive them. */
export class TestCluster {
  readonly configuration: Configuration;
  readonly genesis: Genesis;
  readonly clusterId = "test-cluster";
  readonly hosts = new Map<string, Host>();
  readonly fatal: { id: string; code: number; error: unknown }[] = [];
  readonly logged: { fields: object; text: string }[] = [];
  /** What a replica runs from its next start on, where it is not the built-in services. */
  readonly services = new Map<string, readonly ReplicatedService[]>();
  /** Directories of replicas for what stands beside their stores; none unless it is set. */
  readonly markers = new Map<string, string>();
  readonly #acceptorDisks = new Map<string, MemoryAcceptorDisk>();
  readonly #replicaDisks = new Map<string, MemoryReplicaDisk>();
  readonly #replicaStores = new Map<string, ReplicaStore>();
  readonly #clients: grpc.Client[] = [];
  readonly #limits: Limits;

  static async make(
    counts: { acceptors: number; leaders: number; replicas: number },
    limits: Partial<Limits> = {},
  ): Promise<TestCluster> {
    return new TestCluster(
      counts,
      await freePorts(counts.acceptors + counts.leaders + counts.replicas),
      limits,
    );
  }

  private constructor(
    counts: { acceptors: number; leaders: number; replicas: number },
    ports: number[],
    limits: Partial<Limits>,
  ) {
    const members = (prefix: string, count: number) =>
      Array.from({ length: count }, (_, index) => ({
        id: `${prefix}${index + 1}`,
        address: `127.0.0.1:${ports.shift()}`,
      }));
    this.configuration = {
      number: 1,
      predecessor: 0,
      acceptors: members("a", counts.acceptors).map((member) => ({ ...member, store: `store-${member.id}` })),
      leaders: members("l", counts.leaders),
      replicas: members("r", counts.replicas),
    };
    this.genesis = { window: 256, configuration: this.configuration };
    this.#limits = { ...defaultLimits, tickMs: 10, ...limits };
    for (const { id, store } of this.configuration.acceptors)
      this.#acceptorDisks.set(id, new MemoryAcceptorDisk({ id, store, codec: recordCodec }));
    for (const { id } of this.configuration.replicas)
      this.#replicaDisks.set(id, new MemoryReplicaDisk({ store: `store-${id}` }));
  }

  /** The acceptor comes with a store that the configuration does not name. */
  replaceStore(id: string): void {
    this.#acceptorDisks.set(id, new MemoryAcceptorDisk({ id, store: "store-other", codec: recordCodec }));
  }

  /** The replica comes with an empty store, as after its directory was lost. */
  loseDisk(id: string): void {
    this.#replicaDisks.set(id, new MemoryReplicaDisk({ store: `store-${id}-anew` }));
  }

  /** The replicas let go of the decided log, as they do of all but its newest part in a longer life. */
  forgetLog(...ids: string[]): void {
    for (const id of ids) this.#replicaStores.get(id)?.log.trim(Number.MAX_SAFE_INTEGER);
  }

  /** The acceptor's store is the one of the first day again. */
  rollBack(id: string): void {
    const store = this.configuration.acceptors.find((acceptor) => acceptor.id === id)?.store ?? "";
    this.#acceptorDisks.set(id, new MemoryAcceptorDisk({ id, store, codec: recordCodec }));
  }

  /** Starts members, all of them when none is named. */
  async start(...ids: string[]): Promise<void> {
    const { acceptors, leaders, replicas } = this.configuration;
    const all = [...acceptors, ...leaders, ...replicas].map((member) => member.id);
    await Promise.all((ids.length > 0 ? ids : all).map((id) => this.#start(id)));
  }

  async stop(...ids: string[]): Promise<void> {
    if (ids.length === 0) for (const client of this.#clients.splice(0)) client.close();
    await Promise.all(
      (ids.length > 0 ? ids : [...this.hosts.keys()]).map(async (id) => {
        const host = this.hosts.get(id);
        this.hosts.delete(id);
        await host?.stop();
      }),
    );
  }

  address(id: string): string {
    const { acceptors, leaders, replicas } = this.configuration;
    return [...acceptors, ...leaders, ...replicas].find((member) => member.id === id)?.address ?? "";
  }

  host(id: string): Host {
    const host = this.hosts.get(id);
    if (!host) throw new Error(`${id} does not run`);
    return host;
  }

  client(id: string): grpc.Client {
    const client = new grpc.Client(this.address(id), grpc.credentials.createInsecure());
    this.#clients.push(client);
    return client;
  }

  /** Calls a replicated service by name, as grpcurl would. */
  async call(
    replica: string,
    path: string,
    message: PlainMessage,
    options: { deadlineMs?: number; metadata?: Record<string, string> } = {},
  ): Promise<{ response: PlainMessage; trailer: grpc.Metadata }> {
    const [service = "", name = ""] = path.split("/");
    const method = loaded.services.get(service)?.methods.get(name);
    if (!method) throw new Error(`no method ${path}`);
    const metadata = new grpc.Metadata();
    for (const [key, value] of Object.entries(options.metadata ?? {})) metadata.set(key, value);
    const client = this.client(replica);
    return new Promise((resolve, reject) => {
      let response: PlainMessage;
      const call = client.makeUnaryRequest(
        method.path,
        (request: PlainMessage) => Buffer.from(method.encodeRequest(request)),
        (bytes) => method.decodeResponse(bytes),
        message,
        metadata,
        { deadline: Date.now() + (options.deadlineMs ?? 10_000) },
        (error, answer) => {
          if (error) reject(error);
          else response = answer as PlainMessage;
        },
      );
      call.on("status", (status) => {
        if (status.code === grpc.status.OK) resolve({ response, trailer: status.metadata });
      });
    });
  }

  /** All replicas that run can serve. */
  async ready(): Promise<void> {
    const replicas = this.configuration.replicas.filter(({ id }) => this.hosts.has(id));
    await vi.waitFor(
      () => {
        for (const { id } of replicas)
          if (!this.host(id).serving) throw new Error(`${id}: ${this.host(id).status().problem}`);
      },
      { timeout: 15_000 },
    );
  }

  get activeLeader(): string | undefined {
    const active = this.configuration.leaders.filter(({ id }) => {
      const state = this.hosts.get(id)?.status().state;
      return state?.role === "leader" && state.phase === "active";
    });
    return active[0]?.id;
  }

  async #start(id: string): Promise<void> {
    const options: HostOptions = {
      id,
      genesis: this.genesis,
      clusterId: this.clusterId,
      limits: this.#limits,
      listen: this.address(id),
      serverCredentials: grpc.ServerCredentials.createInsecure(),
      channelCredentials: grpc.credentials.createInsecure(),
      logger: this.#logger(),
      version: "0.0.0-test",
      onFatal: (code, error) => this.fatal.push({ id, code, error }),
    };
    const host = this.#host(options);
    this.hosts.set(id, host);
    await host.start();
  }

  #host(options: HostOptions): Host {
    const { id } = options;
    const { clusterId } = this;
    const acceptorDisk = this.#acceptorDisks.get(id);
    if (acceptorDisk) return new AcceptorHost({ ...options, store: acceptorDisk.open({ id, clusterId }) });
    const replicaDisk = this.#replicaDisks.get(id);
    if (!replicaDisk) return new LeaderHost(options);
    const onFailure = (error: unknown) => options.onFatal(7, error);
    const store = replicaDisk.open({ id, clusterId, flushEveryMs: 5, onFailure });
    this.#replicaStores.set(id, store);
    const directory = this.markers.get(id);
    const marker = directory === undefined ? undefined : new ExecutionMarker(directory, "test");
    return new ReplicaHost({
      ...options,
      store,
      marker,
      services: this.services.get(id) ?? [keyValueService, calculatorService, lockService],
    });
  }

  #logger() {
    const log = (fields: object, text: string) => this.logged.push({ fields, text });
    return { debug: () => {}, info: log, warn: log, error: log };
  }
}
