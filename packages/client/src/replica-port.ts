import * as grpc from "@grpc/grpc-js";
import {
  anotherCluster,
  type Channel,
  callUnary,
  clusterIn,
  clusterService,
  lastingOptions,
  meantFor,
  openChannel,
  openStream,
  type Response,
  replicaService,
} from "@synod/wire";
import { AnotherCluster, type MeantCluster } from "./meant-cluster.js";
import type { CommandStream, ReplicaPort, StreamEvents } from "./port.js";

/** The longest pause between two attempts to connect to a replica. */
const longestPauseMs = 1_000;

/** A peer that accepts a connection and never speaks HTTP/2 is given up after this (grpc-node#2785). */
const connectWithinMs = 2_000;

/** A replica over gRPC. */
export class GrpcReplica implements ReplicaPort {
  readonly address: string;
  readonly #channel: Channel;
  readonly #client: grpc.Client;
  readonly #cluster: MeantCluster;

  /** @param cluster shared by all replicas of a client */
  constructor(address: string, credentials: grpc.ChannelCredentials, cluster: MeantCluster) {
    this.address = address;
    this.#cluster = cluster;
    this.#channel = openChannel(address, credentials, lastingOptions(longestPauseMs));
    this.#client = this.#channel.client;
  }

  async openSession(deadlineMs: number): Promise<string> {
    const options = { deadline: Date.now() + deadlineMs, metadata: meantFor(this.#cluster.id) };
    try {
      const opened = await callUnary(this.#client, replicaService.OpenSession, {}, options);
      this.#cluster.require(opened.clusterId, this.address);
      return opened.clientId;
    } catch (error) {
      const refusal = this.#misdirected(error);
      throw refusal === undefined ? error : new AnotherCluster(refusal);
    }
  }

  async problem(deadlineMs: number): Promise<string> {
    const options = { deadline: Date.now() + deadlineMs, metadata: meantFor(this.#cluster.id) };
    return (await callUnary(this.#client, clusterService.Status, {}, options)).problem;
  }

  openStream(events: StreamEvents): CommandStream {
    let open = true;
    const state = this.#client.getChannel().getConnectivityState(false);
    const writable = state === grpc.connectivityState.READY;
    const end = (code: number, reason: string, misdirected = false) => {
      if (!open) return;
      open = false;
      events.ended(code, reason, misdirected);
    };
    const meant = this.#cluster.id;
    const take = (answers: readonly Response[]) => {
      if (open) events.answers(answers);
    };
    const stream = openStream(this.#client, replicaService.ExecuteStream, take, meantFor(meant));
    stream.on("metadata", (metadata: grpc.Metadata) => {
      const found = clusterIn(metadata);
      if (found === undefined || meant === undefined || found === meant) return;
      end(grpc.status.FAILED_PRECONDITION, anotherCluster("the replica", found, meant));
      stream.cancel();
    });
    stream.on("drain", () => open && events.drained());
    stream.on("error", (error: grpc.ServiceError) => {
      const refusal = this.#misdirected(error);
      end(error.code ?? grpc.status.UNKNOWN, refusal ?? error.details, refusal !== undefined);
    });
    stream.on("end", () => end(grpc.status.UNAVAILABLE, "the replica ended the stream"));
    this.#client.waitForReady(Date.now() + connectWithinMs, (error) => {
      if (!open) return;
      if (error === undefined) {
        if (!writable) events.drained();
        return;
      }
      end(grpc.status.UNAVAILABLE, `no connection within ${connectWithinMs} ms`);
      stream.cancel();
    });
    return {
      writable,
      send: (commands) => stream.write(commands),
      close: () => {
        open = false;
        stream.cancel();
      },
    };
  }

  /** The refusal of a replica of another cluster than the one meant, in words; undefined for any other error. */
  #misdirected(error: unknown): string | undefined {
    const { code, metadata, details } = error as Partial<grpc.ServiceError>;
    const found = code === grpc.status.FAILED_PRECONDITION ? clusterIn(metadata) : undefined;
    return found === undefined || found === this.#cluster.id ? undefined : details;
  }

  close(): void {
    this.#channel.close(false);
  }
}
