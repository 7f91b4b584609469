import type * as grpc from "@grpc/grpc-js";
import { keepalive, lastingOptions } from "@synod/wire";

/** The longest message on the wire, in bytes: gRPC's own default, said aloud. Nothing Synod sends comes near it. */
export const maxMessageBytes = 4 << 20;

/** A dead connection is noticed within this time, also when nothing is sent. */
export const keepaliveMs = keepalive["grpc.keepalive_time_ms"] + keepalive["grpc.keepalive_timeout_ms"];

/** Options of a channel between members. */
export const channelOptions: grpc.ChannelOptions = {
  ...lastingOptions(2_000),
  "grpc.keepalive_permit_without_calls": 1,
  "grpc.max_receive_message_length": maxMessageBytes,
  "grpc.max_send_message_length": maxMessageBytes,
  "grpc-node.flow_control_window": 1 << 20,
};

export const serverOptions: grpc.ServerOptions = {
  ...keepalive,
  "grpc.max_receive_message_length": maxMessageBytes,
  "grpc.max_send_message_length": maxMessageBytes,
  "grpc.max_concurrent_streams": 4_096,
  "grpc.enable_channelz": 0,
};
