import * as grpc from "@grpc/grpc-js";
import type { Configuration, Limits } from "@synod/core";
import {
  calculatorService,
  keyValueService,
  lockService,
  type ReplicatedService,
} from "@synod/state-machine";
import { openExecutionMarker } from "@synod/storage";
import { type Counts, configurationOf, Members, type MembersOptions } from "@synod/testing/members";
import { descriptorSet, loadServices, type PlainMessage } from "@synod/wire";

const loaded = loadServices(descriptorSet);

/** What a test looks at, or sets before a member's next start. */
class Notes {
  readonly logged: { fields: object; text: string }[] = [];
  /** What a replica runs, where it is not the built-in services. */
  readonly services = new Map<string, readonly ReplicatedService[]>();
  /** Directories of replicas for what stands beside their stores; none unless it is set. */
  readonly markers = new Map<string, string>();

  options(counts: Counts, limits: Partial<Limits>): MembersOptions {
    const log = (fields: object, text: string) => this.logged.push({ fields, text });
    return {
      ...counts,
      limits,
      clusterId: "test-cluster",
      services: [keyValueService, calculatorService, lockService],
      logger: { debug: () => {}, info: log, warn: log, error: log },
      replicaOptions: (id) => {
        const services = this.services.get(id);
        const directory = this.markers.get(id);
        return {
          ...(services && { services }),
          ...(directory !== undefined && { marker: openExecutionMarker(directory, "test") }),
        };
      },
    };
  }
}

/** Members that are called as any gRPC client would call them. */
export class TestCluster extends Members {
  readonly logged: Notes["logged"];
  readonly services: Notes["services"];
  readonly markers: Notes["markers"];
  readonly #clients: grpc.Client[] = [];

  static async make(counts: Counts, limits: Partial<Limits> = {}): Promise<TestCluster> {
    return new TestCluster(new Notes(), counts, limits, await configurationOf(counts));
  }

  private constructor(notes: Notes, counts: Counts, limits: Partial<Limits>, configuration: Configuration) {
    super(notes.options(counts, limits), configuration);
    this.logged = notes.logged;
    this.services = notes.services;
    this.markers = notes.markers;
  }

  override async stop(...ids: string[]): Promise<void> {
    if (ids.length === 0) for (const client of this.#clients.splice(0)) client.close();
    await super.stop(...ids);
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
        { deadline: Date.now() + (options.deadlineMs ?? 30_000) },
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

  get activeLeader(): string | undefined {
    return this.configuration.leaders
      .map(({ id }) => id)
      .find((id) => {
        if (!this.runs(id)) return false;
        const { state } = this.host(id).status();
        return state.role === "leader" && state.phase === "active";
      });
  }
}
