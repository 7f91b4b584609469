import { randomBytes } from "node:crypto";
import * as grpc from "@grpc/grpc-js";
import { type Configuration, defaultLimits, type Genesis, type Limits } from "@synod/core";
import {
  AcceptorHost,
  Health,
  type Host,
  type HostOptions,
  LeaderHost,
  ReplicaHost,
  type ReplicaHostOptions,
} from "@synod/node";
import type { ReplicatedService } from "@synod/state-machine";
import { type AcceptorStore, MemoryAcceptorDisk, MemoryReplicaDisk, type ReplicaStore } from "@synod/storage";
import { recordCodec } from "@synod/wire";
import { type Counts, configurationOf } from "./configuration.js";

export { type Counts, configurationOf } from "./configuration.js";

/** Where a process of its own would have ended, with what exit code and why. */
export interface Fatal {
  readonly id: string;
  readonly code: number;
  readonly error: unknown;
}

export interface MembersOptions extends Counts {
  /** What every replica runs. */
  readonly services: readonly ReplicatedService[];
  readonly limits?: Partial<Limits>;
  readonly clusterId?: string;
  /** Nothing is logged unless it is given. */
  readonly logger?: HostOptions["logger"];
  /** Told what `fatal` keeps. */
  readonly onFatal?: (fatal: Fatal) => void;
  /** What a replica is started with besides. */
  readonly replicaOptions?: (id: string) => Partial<ReplicaHostOptions>;
  /** The store of an acceptor as its host gets it: for disks that do something wrong. */
  readonly acceptorStore?: (store: AcceptorStore, disk: MemoryAcceptorDisk) => AcceptorStore;
  /** The store of a replica as its host gets it. */
  readonly replicaStore?: (store: ReplicaStore) => ReplicaStore;
}

const nothing = () => {};
const silent = { debug: nothing, info: nothing, warn: nothing, error: nothing };
const pollMs = 10;

/**
 * Members of one cluster, each a host of its own in this process with a port, a health service and a disk in memory that
 * outlives it. They talk gRPC with each other, as separate processes would.
 */
export class Members {
  readonly configuration: Configuration;
  readonly genesis: Genesis;
  readonly clusterId: string;
  readonly fatal: Fatal[] = [];
  readonly #options: MembersOptions;
  readonly #running = new Map<string, { host: Host; health: Health }>();
  readonly #acceptorDisks = new Map<string, MemoryAcceptorDisk>();
  readonly #replicaDisks = new Map<string, MemoryReplicaDisk>();
  readonly #replicaStores = new Map<string, ReplicaStore>();

  /** Nothing is started yet. */
  static async prepare(options: MembersOptions): Promise<Members> {
    return new Members(options, await configurationOf(options));
  }

  constructor(options: MembersOptions, configuration: Configuration) {
    this.#options = options;
    this.configuration = configuration;
    this.genesis = { window: 256, configuration };
    this.clusterId = options.clusterId ?? randomBytes(16).toString("hex");
    for (const { id, store } of configuration.acceptors) this.#newAcceptorDisk(id, store);
    for (const { id } of configuration.replicas) this.#newReplicaDisk(id, `store-${id}`);
  }

  /** Every member there is, running or not. */
  get ids(): string[] {
    const { acceptors, leaders, replicas } = this.configuration;
    return [...acceptors, ...leaders, ...replicas].map(({ id }) => id);
  }

  runs(id: string): boolean {
    return this.#running.has(id);
  }

  /** One that runs. */
  host(id: string): Host {
    const running = this.#running.get(id);
    if (!running) throw new Error(`expected ${id} to run, found it stopped`);
    return running.host;
  }

  /** host:port */
  address(id: string): string {
    const { acceptors, leaders, replicas } = this.configuration;
    const member = [...acceptors, ...leaders, ...replicas].find((each) => each.id === id);
    if (!member) throw new Error(`expected a member of ${this.ids.join(", ")}, found ${id}`);
    return member.address;
  }

  /** Starts members on what they had stored, all of them when none is named. */
  async start(...ids: string[]): Promise<void> {
    await Promise.all((ids.length > 0 ? ids : this.ids).map((id) => this.#start(id)));
  }

  /** Stops members, all that run when none is named; what they had stored stays, as on a disk. */
  async stop(...ids: string[]): Promise<void> {
    const stopping = (ids.length > 0 ? ids : [...this.#running.keys()]).map((id) => {
      const running = this.#running.get(id);
      this.#running.delete(id);
      return running?.host.stop();
    });
    await Promise.all(stopping);
  }

  /** Kills a member: what an acceptor's disk was not told to keep is gone. Then starts it again. */
  async restart(id: string): Promise<void> {
    this.#acceptorDisks.get(id)?.crash();
    await this.stop(id);
    await this.#start(id);
  }

  /** Waits until members can do their part: all replicas that run when none is named. Throws who cannot, and why. */
  async ready(ids?: readonly string[], withinMs = 20_000): Promise<void> {
    const awaited = ids ?? this.configuration.replicas.map(({ id }) => id).filter((id) => this.runs(id));
    const giveUpAt = performance.now() + withinMs;
    for (;;) {
      const [ended] = this.fatal;
      if (ended)
        throw new Error(`${ended.id} would have ended: ${words(ended.error)}`, { cause: ended.error });
      if (awaited.every((id) => this.#running.get(id)?.host.serving)) return;
      if (performance.now() > giveUpAt)
        throw new Error(`the cluster decides nothing within ${withinMs} ms:\n${this.#troubles()}`);
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  /** From its next start on the acceptor has a store that the configuration does not name. */
  replaceStore(id: string): void {
    this.#newAcceptorDisk(id, "store-other");
  }

  /** From its next start on the acceptor's store is the one of the first day again. */
  rollBack(id: string): void {
    const acceptor = this.configuration.acceptors.find((each) => each.id === id);
    this.#newAcceptorDisk(id, acceptor?.store ?? "");
  }

  /** From its next start on the replica has an empty store, as after its directory was lost. */
  loseDisk(id: string): void {
    this.#newReplicaDisk(id, `store-${id}-anew`);
  }

  /** Replicas that run let go of the decided log, as they do of all but its newest part in a longer life. */
  forgetLog(...ids: string[]): void {
    for (const id of ids) this.#replicaStores.get(id)?.log.trim(Number.MAX_SAFE_INTEGER);
  }

  #newAcceptorDisk(id: string, store: string): void {
    this.#acceptorDisks.set(id, new MemoryAcceptorDisk({ id, store, codec: recordCodec }));
  }

  #newReplicaDisk(id: string, store: string): void {
    this.#replicaDisks.set(id, new MemoryReplicaDisk({ store }));
  }

  async #start(id: string): Promise<void> {
    if (this.#running.has(id)) throw new Error(`expected ${id} to be stopped, found it running`);
    const replica = this.#replicaDisks.has(id);
    const role = replica ? "Replica" : this.#acceptorDisks.has(id) ? "Acceptor" : "Leader";
    const replicated = replica ? this.#options.services.map(({ name }) => name) : [];
    const health = new Health([`synod.v1.${role}`, "synod.v1.Cluster", ...replicated]);
    const host = this.#host({
      id,
      genesis: this.genesis,
      clusterId: this.clusterId,
      limits: { ...defaultLimits, tickMs: 10, ...this.#options.limits },
      listen: this.address(id),
      serverCredentials: grpc.ServerCredentials.createInsecure(),
      channelCredentials: grpc.credentials.createInsecure(),
      logger: this.#options.logger ?? silent,
      version: "0.0.0-test",
      onFatal: (code, error) => {
        const fatal = { id, code, error };
        this.fatal.push(fatal);
        this.#options.onFatal?.(fatal);
      },
      register: (server) => health.addTo(server),
      onStopping: () => health.stop(),
    });
    this.#running.set(id, { host, health });
    await host.start();
    health.follow(host);
  }

  #host(options: HostOptions): Host {
    const { id, clusterId } = options;
    const { acceptorStore = (store) => store, replicaStore = (store) => store } = this.#options;
    const acceptorDisk = this.#acceptorDisks.get(id);
    if (acceptorDisk) {
      const store = acceptorStore(acceptorDisk.open({ id, clusterId }), acceptorDisk);
      return new AcceptorHost({ ...options, store });
    }
    const replicaDisk = this.#replicaDisks.get(id);
    if (!replicaDisk) return new LeaderHost(options);
    const onFailure = (error: unknown) => options.onFatal(7, error);
    const opened = replicaDisk.open({ id, clusterId, flushEveryMs: 5, onFailure });
    this.#replicaStores.set(id, opened);
    const { services, replicaOptions } = this.#options;
    return new ReplicaHost({ ...options, store: replicaStore(opened), services, ...replicaOptions?.(id) });
  }

  #troubles(): string {
    return [...this.#running]
      .map(([id, { host }]) => `  ${id}: ${host.status().problem || "serving"}`)
      .join("\n");
  }
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
