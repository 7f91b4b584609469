import * as grpc from "@grpc/grpc-js";
import { type Client, connect, SynodError } from "@synod/client";
import type { Configuration } from "@synod/core";
import { inRealm, type ReplicatedService } from "@synod/state-machine";
import { loadServices, type PlainMessage, type ServiceMethod } from "@synod/wire";
import { type Counts, configurationOf } from "./configuration.js";
import { Members } from "./members.js";

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
  const counts = { acceptors, leaders, replicas };
  const cluster = new InProcessCluster(counts, await configurationOf(counts), services);
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
  readonly #members: Members;
  /** What handlers threw last that their service does not declare, by method. */
  readonly #undeclared = new Map<string, unknown>();

  constructor(counts: Counts, configuration: Configuration, services: readonly ReplicatedService[]) {
    const { acceptors, leaders, replicas } = configuration;
    this.acceptors = acceptors.map(({ id, address }) => ({ id, address }));
    this.leaders = leaders;
    this.replicas = replicas;
    const descriptorSets = services.map(({ descriptors }) => descriptors);
    this.#members = new Members(
      {
        ...counts,
        services,
        onFatal: () => void this.stop(),
        replicaOptions: () => ({
          descriptorSets,
          onHandlerError: ({ service, method, error }) => this.#undeclared.set(`${service}/${method}`, error),
        }),
      },
      configuration,
    );
    this.client = connect({ replicas: replicas.map(({ address }) => address) });
  }

  async start(withinMs: number): Promise<void> {
    await this.#members.start();
    await this.#members.ready(
      this.replicas.map(({ id }) => id),
      withinMs,
    );
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

  startMember(id: string): Promise<void> {
    return this.#members.start(id);
  }

  async stopMember(id: string): Promise<void> {
    if (!this.#members.runs(id)) throw new Error(`expected ${id} to run, found it stopped`);
    await this.#members.stop(id);
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.#members.stop();
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
}
