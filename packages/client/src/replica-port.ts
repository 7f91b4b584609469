import * as grpc from "@grpc/grpc-js";
import {
  type Channel,
  callUnary,
  clusterService,
  openChannel,
  openStream,
  replicaService,
} from "@synod/wire";
import type { CommandStream, ReplicaPort, StreamEvents } from "./port.js";

/**
 * Left alone, gRPC's pause between connection attempts grows to two minutes. Each replica has a connection of its own,
 * and a dead one is noticed within keepalive time plus timeout.
 */
const channelOptions: grpc.ChannelOptions = {
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1_000,
  "grpc.keepalive_time_ms": 5_000,
  "grpc.keepalive_timeout_ms": 2_000,
  "grpc.dns_min_time_between_resolutions_ms": 100,
  "grpc.service_config_disable_resolution": 1,
  "grpc.enable_retries": 0,
  "grpc.enable_channelz": 0,
};

/** A peer that accepts a connection and never speaks HTTP/2 is given up after this (grpc-node#2785). */
const connectWithinMs = 2_000;

/** A replica over gRPC. */
export class GrpcReplica implements ReplicaPort {
  readonly address: string;
  readonly #channel: Channel;
  readonly #client: grpc.Client;

  constructor(address: string, credentials: grpc.ChannelCredentials) {
    this.address = address;
    this.#channel = openChannel(address, credentials, channelOptions);
    this.#client = this.#channel.client;
  }

  async openSession(deadlineMs: number): Promise<string> {
    const options = { deadline: Date.now() + deadlineMs };
    return (await callUnary(this.#client, replicaService.OpenSession, {}, options)).clientId;
  }

  async problem(deadlineMs: number): Promise<string> {
    const options = { deadline: Date.now() + deadlineMs };
    return (await callUnary(this.#client, clusterService.Status, {}, options)).problem;
  }

  openStream(events: StreamEvents): CommandStream {
    let open = true;
    const state = this.#client.getChannel().getConnectivityState(false);
    const writable = state === grpc.connectivityState.READY;
    const end = (code: number, reason: string) => {
      if (!open) return;
      open = false;
      events.ended(code, reason);
    };
    const stream = openStream(this.#client, replicaService.ExecuteStream, (answers) => {
      if (open) events.answers(answers);
    });
    stream.on("drain", () => open && events.drained());
    stream.on("error", (error: grpc.ServiceError) => end(error.code ?? grpc.status.UNKNOWN, error.details));
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

  close(): void {
    this.#channel.close(false);
  }
}
