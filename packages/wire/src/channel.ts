import type { Socket } from "node:net";
import * as grpc from "@grpc/grpc-js";
import { ran, serviceLoop } from "./scheduler.js";

export interface Channel {
  readonly client: grpc.Client;
  /** Closes the channel; `abruptly` also its connection, whatever state that is in. */
  close(abruptly: boolean): void;
}

/** The time that a connection may take to close by itself, in milliseconds. */
const closeMs = 1_000;

/** Something comes in at least twice within this time where the other side is there, however idle both are. */
function pings(silentMs: number): grpc.ChannelOptions {
  return {
    "grpc.keepalive_time_ms": silentMs / 3,
    "grpc.keepalive_timeout_ms": 60_000,
    "grpc.keepalive_permit_without_calls": 1,
  };
}

/**
 * Of every channel: nothing is repeated behind its user's back, and nobody else says how it is to behave. A proxy that the environment
 * names (`https_proxy`, …) is the way to the outside world and not to a cluster, so it is never taken.
 */
const commonOptions: grpc.ChannelOptions = {
  "grpc.use_local_subchannel_pool": 1,
  "grpc.service_config_disable_resolution": 1,
  "grpc.enable_retries": 0,
  "grpc.enable_channelz": 0,
  "grpc.enable_http_proxy": 0,
};

/** A dead connection is noticed within these two together, also when nothing is sent. */
const keepalive = { "grpc.keepalive_time_ms": 5_000, "grpc.keepalive_timeout_ms": 2_000 } as const;

/**
 * Of a channel that lives as long as its process. Left alone, gRPC's pause between attempts to connect grows to two minutes, and
 * a name that moved is found again after half a minute.
 */
export function lastingOptions(longestPauseMs: number): grpc.ChannelOptions {
  return {
    ...keepalive,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": longestPauseMs,
    "grpc.dns_min_time_between_resolutions_ms": 100,
  };
}

/**
 * Ends a connection on which not one byte has come in while this process ran for so long. gRPC's own timer would end those
 * as well where an answer to its ping lies unread, since this process stood still, or is on its way behind a message that a
 * slow link is carrying; pings only see to it that something comes.
 */
function watchSilence(socket: Socket, silentMs: number): void {
  let read = socket.bytesRead;
  const heard = () => {
    const more = socket.bytesRead > read;
    read = socket.bytesRead;
    return more;
  };
  const cancel = ran(serviceLoop, silentMs, heard, () => socket.destroy());
  socket.once("close", cancel);
}

/**
 * A channel that can really be closed: grpc-js leaves a connection open for ever when its peer accepted it but never
 * spoke HTTP/2 (grpc-node#2785), and when the channel is closed while it connects, as to a busy process. So the sockets
 * are kept here and destroyed. It has a connection of its own, which no other channel shares.
 *
 * @param silentMs how long a connection may say nothing; it is asked by pings then, with or without calls
 */
export function openChannel(
  address: string,
  credentials: grpc.ChannelCredentials,
  options: grpc.ChannelOptions = {},
  silentMs?: number,
): Channel {
  const sockets = new Set<Socket>();
  let closed = false;
  const holding: grpc.ChannelCredentials = Object.create(credentials);
  holding._createSecureConnector = (...parameters) => {
    const connector = credentials._createSecureConnector(...parameters);
    return {
      waitForReady: () => connector.waitForReady(),
      getCallCredentials: () => connector.getCallCredentials(),
      destroy: () => connector.destroy(),
      connect: (socket) => {
        if (closed) socket.destroy();
        sockets.add(socket);
        socket.once("close", () => sockets.delete(socket));
        if (silentMs !== undefined) watchSilence(socket, silentMs);
        return connector.connect(socket);
      },
    };
  };
  const client = new grpc.Client(`dns:${address}`, holding, {
    ...commonOptions,
    ...options,
    ...(silentMs !== undefined && pings(silentMs)),
  });
  return {
    client,
    close: (abruptly) => {
      closed = true;
      client.close();
      const destroy = () => {
        for (const socket of sockets) socket.destroy();
      };
      if (abruptly) destroy();
      else setTimeout(destroy, closeMs).unref();
    },
  };
}
