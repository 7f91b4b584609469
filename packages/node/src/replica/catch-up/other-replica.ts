import * as grpc from "@grpc/grpc-js";
import type { Member } from "@synod/core";
import {
  callUnary,
  clusterService,
  type Incoming,
  Invalid,
  type LogPage,
  type LogRequest,
  openChannel,
  replicaService,
  type SnapshotPage,
  type SnapshotRequest,
  type Status,
} from "@synod/wire";
import { channelOptions, keepaliveMs } from "../../transport/channel.js";

/** Pages of a state as they come in. Throws where one is malformed, or the stream ends with an error. */
export interface SnapshotStream extends AsyncIterable<SnapshotPage> {
  /** Nothing more is wanted. */
  cancel(): void;
}

/** The questions of a replica to another one that it catches up from. */
export interface OtherReplica {
  /** Rejects when there is no answer within so many milliseconds. */
  status(withinMs: number): Promise<Status>;
  log(request: LogRequest, withinMs: number): Promise<LogPage>;
  snapshot(request: SnapshotRequest): SnapshotStream;
  /** Ends every transfer under way with an error. */
  close(): void;
}

/** Over a channel of its own, so that no message of the protocol waits behind it. */
export function reachReplica({ address }: Member, credentials: grpc.ChannelCredentials): OtherReplica {
  const channel = openChannel(address, credentials, channelOptions, keepaliveMs);
  const { client } = channel;
  return {
    status: (withinMs) => callUnary(client, clusterService.Status, {}, { deadline: Date.now() + withinMs }),
    log: (request, withinMs) =>
      callUnary(client, replicaService.Log, request, { deadline: Date.now() + withinMs }),
    snapshot: (request) => snapshotOf(client, request),
    close: () => channel.close(true),
  };
}

/** A replica's pages by gRPC. */
export function snapshotOf(
  client: grpc.Client,
  request: SnapshotRequest,
  metadata = new grpc.Metadata(),
): SnapshotStream {
  const { path, requestSerialize, responseDeserialize } = replicaService.Snapshot;
  const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata);
  return {
    async *[Symbol.asyncIterator]() {
      for await (const page of call as AsyncIterable<Incoming<SnapshotPage>>) {
        if (page instanceof Invalid) throw page.error;
        yield page;
      }
    },
    cancel: () => {
      call.on("error", () => {});
      call.cancel();
    },
  };
}
