import type * as grpc from "@grpc/grpc-js";
import { lastingOptions } from "@synod/wire";

/** The longest message on the wire, in bytes: gRPC's own default, said aloud. Nothing Synod sends comes near it. */
export const maxMessageBytes = 4 << 20;

/** A connection on which nothing comes in for this long is dead, also when nothing is sent. */
export const keepaliveMs = 7_000;

/**
 * Bytes that a member takes in ahead of what it has read, for a stream and for a connection: what a link of 2 MB/s holds
 * with a round trip of half a second. What is beyond waits with its sender, which sends nothing twice that waits.
 */
export const windowBytes = 1 << 20;

/** Options of a channel between members. */
export const channelOptions: grpc.ChannelOptions = {
  ...lastingOptions(2_000),
  "grpc.max_receive_message_length": maxMessageBytes,
  "grpc.max_send_message_length": maxMessageBytes,
  "grpc-node.flow_control_window": windowBytes,
};

export const serverOptions: grpc.ServerOptions = {
  // Whoever dialed finds out sooner. An answer may come behind a window of bytes over a slow link.
  "grpc.keepalive_time_ms": 5_000,
  "grpc.keepalive_timeout_ms": 20_000,
  "grpc.max_receive_message_length": maxMessageBytes,
  "grpc.max_send_message_length": maxMessageBytes,
  "grpc.max_concurrent_streams": 4_096,
  "grpc.enable_channelz": 0,
};
