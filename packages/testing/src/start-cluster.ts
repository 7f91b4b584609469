import { randomBytes } from "node:crypto";
import * as grpc from "@grpc/grpc-js";
import { type Client, connect, SynodError } from "@synod/client";
import { type Configuration, defaultLimits } from "@synod/core";
import {
  AcceptorHost,
  createLogger,
  type Host,
  type HostOptions,
  LeaderHost,
  ReplicaHost,
} from "@synod/node";
import { inRealm, type ReplicatedService } from "@synod/state-machine";
import { MemoryAcceptorDisk, MemoryReplicaDisk } from "@synod/storage";
import { loadServices, type PlainMessage, recordCodec, type ServiceMethod } from "@synod/wire";
import { type Counts, configurationOf } from "./members.js";

export interface ClusterOptions extends Partial<Counts> {
  /** What the replicas run; nothing else. */
  readonly services: readonly ReplicatedService[];
  /**
   * Runs the handlers in the test's own realm, where clock and chance are the process's: for services that a test defines
   * beside itself and that no module exports. Default: each replica has a realm for each service, as in a process of its own.
   */
  readonly sharedRealm?: boolean;
  /** Milliseconds until the cluster must be able to decide; 20,000 unless given. */
  readonly readyWithinMs?: number;
}

export interface ClusterMember {
  readonly id: string;
  /** host:port */
  readonly address: string;
}

/** The commands and queries of a service. Each promise is rejected with a SynodError when the call fails. */
export type MethodsOf<Calls> = {
  readonly [Method in keyof Calls]: Calls[Method] extends { request: infer Request; response: infer Response }
    ? (request: Request, settings?: { readonly deadlineMs?: number }) => Promise<Response>
    : never;
};

/** A running cluster. Its acceptors, leaders and replicas talk gRPC with each other, as separate processes would. */
export interface Cluster {
  readonly acceptors: readonly ClusterMember[];
  readonly leaders: readonly ClusterMember[];
  readonly replicas: readonly ClusterMember[];
  /** Connected to all replicas. */
  readonly client: Client;
  /** The methods of one of the services, through `client`. */
  service<Calls>(service: ReplicatedService<Calls>): MethodsOf<Calls>;
  /** Stops one member; what it had stored stays, as on a disk. */
  stopMember(id: string): Promise<void>;
  /** Starts a member that was stopped, on what it had stored. */
  startMember(id: string): Promise<void>;
  /** Stops everything. May be called twice. */
  stop(): Promise<void>;
}

/**
 * Starts a cluster in this process, with stores in memory, and waits until a first command was decided. Three members of
 * each role unless told otherwise. Rejects when a service does not fit its proto, or when nothing can be decided.
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { acceptors = 3, leaders = 3, replicas = 3, readyWithinMs = 20_000, sharedRealm = false } = options;
  const services = sharedRealm ? options.services : options.services.map((service) => inRealm(service));
  const configuration = await configurationOf({ acceptors, leaders, replicas });
  const cluster = new InProcessCluster(configuration, services);
  try {
    await cluster.start(readyWithinMs);
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}

class InProcessCluster implements Cluster {
  readonly acceptors: readonly ClusterMember[];
  readonly leaders: readonly ClusterMember[];
  readonly replicas: readonly ClusterMember[];
  readonly client: Client;
  readonly #configuration: Configuration;
  readonly #services: readonly ReplicatedService[];
  readonly #clusterId = randomBytes(16).toString("hex");
  readonly #hosts = new Map<string, Host>();
  readonly #acceptorDisks: ReadonlyMap<string, MemoryAcceptorDisk>;
  readonly #replicaDisks: ReadonlyMap<string, MemoryReplicaDisk>;
  #fatal: Error | undefined;
  /** What handlers threw last that their service does not declare, by method. */
  readonly #undeclared = new Map<string, unknown>();

  constructor(configuration: Configuration, services: readonly ReplicatedService[]) {
    const { acceptors, leaders, replicas } = configuration;
    this.acceptors = acceptors.map(({ id, address }) => ({ id, address }));
    this.leaders = leaders;
    this.replicas = replicas;
    this.#configuration = configuration;
    this.#services = services;
    this.#acceptorDisks = new Map(
      acceptors.map(({ id, store }) => [id, new MemoryAcceptorDisk({ id, store, codec: recordCodec })]),
    );
    this.#replicaDisks = new Map(
      replicas.map(({ id }) => [id, new MemoryReplicaDisk({ store: `store-${id}` })]),
    );
    this.client = connect({ replicas: replicas.map(({ address }) => address) });
  }

  async start(withinMs: number): Promise<void> {
    const { acceptors, leaders, replicas } = this.#configuration;
    await Promise.all([...acceptors, ...leaders, ...replicas].map(({ id }) => this.startMember(id)));
    const giveUpAt = performance.now() + withinMs;
    while (this.replicas.some(({ id }) => this.#hosts.get(id)?.serving !== true)) {
      if (this.#fatal !== undefined) throw this.#fatal;
      if (performance.now() > giveUpAt)
        throw new Error(`the cluster decides nothing within ${withinMs} ms:\n${this.#troubles()}`);
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  service<Calls>({ name, descriptors }: ReplicatedService<Calls>): MethodsOf<Calls> {
    const methods = loadServices(descriptors).services.get(name)?.methods ?? new Map<string, ServiceMethod>();
    const call =
      (method: ServiceMethod) => async (request: PlainMessage, settings?: { deadlineMs?: number }) => {
        const { client } = this;
        const reply = await client
          .execute(name, method.name, method.encodeRequest(request), settings)
          .catch((error) => Promise.reject(this.#explained(error, `${name}/${method.name}`)));
        return method.decodeResponse(reply.response);
      };
    return Object.fromEntries(
      [...methods.values()].map((method) => [method.name, call(method)]),
    ) as MethodsOf<Calls>;
  }

  async startMember(id: string): Promise<void> {
    if (this.#hosts.has(id)) throw new Error(`${id} runs already`);
    const host = this.#host(id);
    this.#hosts.set(id, host);
    await host.start();
  }

  async stopMember(id: string): Promise<void> {
    const host = this.#hosts.get(id);
    if (host === undefined) throw new Error(`${id} does not run`);
    this.#hosts.delete(id);
    await host.stop();
  }

  async stop(): Promise<void> {
    this.client.close();
    const hosts = [...this.#hosts.values()];
    this.#hosts.clear();
    await Promise.all(hosts.map((host) => host.stop()));
  }

  /** An error as a client gets it, with what a replica's log would say. */
  #explained(error: unknown, method: string): unknown {
    const cause = this.#undeclared.get(method);
    if (!(error instanceof SynodError) || error.code !== grpc.status.INTERNAL || cause === undefined)
      return error;
    error.message += `: ${cause}`;
    error.cause = cause;
    return error;
  }

  #host(id: string): Host {
    const options = this.#hostOptions(id);
    const clusterId = this.#clusterId;
    const acceptor = this.#acceptorDisks.get(id);
    if (acceptor !== undefined)
      return new AcceptorHost({ ...options, store: acceptor.open({ id, clusterId }) });
    const replica = this.#replicaDisks.get(id);
    if (replica === undefined) return new LeaderHost(options);
    const onFailure = (error: unknown) => options.onFatal(7, error);
    return new ReplicaHost({
      ...options,
      store: replica.open({ id, clusterId, flushEveryMs: 5, onFailure }),
      services: this.#services,
      onHandlerError: ({ service, method, error }) => this.#undeclared.set(`${service}/${method}`, error),
      descriptorSets: this.#services.map(({ descriptors }) => descriptors),
    });
  }

  #hostOptions(id: string): HostOptions {
    const { acceptors, leaders, replicas } = this.#configuration;
    const member = [...acceptors, ...leaders, ...replicas].find((each) => each.id === id);
    if (member === undefined) throw new Error(`the cluster has no member ${id}`);
    return {
      id,
      genesis: { window: 256, configuration: this.#configuration },
      clusterId: this.#clusterId,
      limits: { ...defaultLimits, tickMs: 10 },
      listen: member.address,
      serverCredentials: grpc.ServerCredentials.createInsecure(),
      channelCredentials: grpc.credentials.createInsecure(),
      logger: createLogger({ level: "silent" }),
      version: "test",
      // A process of its own would end here.
      onFatal: (_, error) => {
        this.#fatal ??= new Error(
          `${id} would have ended: ${error instanceof Error ? error.message : error}`,
          {
            cause: error,
          },
        );
        void this.stop();
      },
    };
  }

  #troubles(): string {
    return [...this.#hosts].map(([id, host]) => `  ${id}: ${host.status().problem || "serving"}`).join("\n");
  }
}

const pollMs = 10;
