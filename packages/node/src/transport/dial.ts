import * as grpc from "@grpc/grpc-js";
import { type Incoming, type Method, openChannel } from "@synod/wire";
import { channelOptions, keepaliveMs } from "./channel.js";
import type { WritableStream } from "./outbox.js";

/** The end of a stream, as gRPC tells it. */
export interface StreamStatus {
  readonly code: number;
  readonly details: string;
}

/** The dialing side of a stream: what a link needs of gRPC's duplex stream. */
export interface DialedStream<Out, In> extends WritableStream<Out> {
  on(event: "drain", listener: () => void): unknown;
  on(event: "data", listener: (message: Incoming<In>) => void): unknown;
  on(event: "status", listener: (status: StreamStatus) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  pause(): unknown;
  resume(): unknown;
  /** Nothing more is written. */
  end(): unknown;
  cancel(): void;
}

/** A stream on a connection of its own. */
export interface Dialed<Out, In> {
  readonly stream: DialedStream<Out, In>;
  /** Ends the connection: at once, or when the stream has ended. */
  close(atOnce: boolean): void;
}

/** Opens a stream of a method at an address, which is `host:port`. Never throws: trouble is a status. */
export type Dial = <Out, In>(address: string, method: Method<Out, In>) => Dialed<Out, In>;

/** Dials by gRPC. */
export function dialWith(credentials: grpc.ChannelCredentials): Dial {
  return <Out, In>(address: string, method: Method<Out, In>): Dialed<Out, In> => {
    const channel = openChannel(address, credentials, channelOptions, keepaliveMs);
    const { path, requestSerialize, responseDeserialize } = method;
    const metadata = new grpc.Metadata();
    const stream = channel.client.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      metadata,
    ) as DialedStream<Out, In>;
    return { stream, close: (atOnce) => channel.close(atOnce) };
  };
}
