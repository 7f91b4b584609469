import { constants, type ServerHttp2Stream } from "node:http2";
import * as grpc from "@grpc/grpc-js";
import { metadataKeys } from "@synod/wire";
import { HeldBytes, type Holder } from "./held-bytes.js";
import { RequestBytes } from "./request-bytes.js";

/**
 * Bytes of requests that are not here as a whole, of metadata, and of answers to single requests that were not taken, in a process. The
 * windows of HTTP/2 do not bound them: a message is put together, and an answer handed over, as a whole.
 */
export const maxBytesUnderWay = 128 << 20;

/** Metadata of so many bytes counts nothing, so that calls that only wait hold nothing here. */
const usualMetadataBytes = 1_024;
/** HTTP/2 has it, and gRPC has it. */
const metadataCopies = 2;

/** The part of a call of a grpc-js server that knows HTTP/2. */
interface Inside {
  readonly stream?: ServerHttp2Stream;
  readonly metadata?: grpc.Metadata;
}

/** Bounds what calls hold before they reach their handler and after they left it. */
export function boundCallsUnderWay(maxBytes = maxBytesUnderWay): grpc.ServerInterceptor {
  const held = new HeldBytes(maxBytes);
  return ({ requestStream, responseStream }, call) => {
    const { stream } = call as unknown as Inside;
    const connection = stream?.session;
    if (!stream || !connection) return call as grpc.ServerInterceptingCall;
    const holds = (holder: Holder, bytes: number) => held.holds(connection, holder, bytes);
    const request = new CountedRequest(call, stream, requestStream, holds);
    if (requestStream) return new CountedRequests(call, request);
    // Streams of answers have bounds of their own.
    return responseStream ? (call as grpc.ServerInterceptingCall) : new CountedAnswer(call, stream, holds);
  };
}

type Holds = (holder: Holder, bytes: number) => void;

class CountedRequest implements Holder {
  readonly #call: grpc.ServerInterceptingCallInterface;
  readonly #stream: ServerHttp2Stream;
  readonly #holds: Holds;
  readonly #metadataBytes: number;
  readonly #take: (data: Buffer) => void;
  readonly #bytes = new RequestBytes();
  /** The handler may have executed something. */
  #begun: boolean;

  constructor(
    call: grpc.ServerInterceptingCallInterface,
    stream: ServerHttp2Stream,
    many: boolean,
    holds: Holds,
  ) {
    this.#call = call;
    this.#stream = stream;
    this.#holds = holds;
    this.#metadataBytes = metadataBytesOf(call);
    // One of many requests may be with the handler before the next.
    this.#begun = many;
    this.#take = (data) => holds(this, this.#metadataBytes + this.#bytes.take(data));
    stream.on("data", this.#take);
    // Before the handler has it, and may answer.
    if (!many) stream.prependOnceListener("end", () => this.#whole());
    stream.once("close", () => this.#over(0));
    if (this.#metadataBytes > 0) holds(this, this.#metadataBytes);
  }

  end(details: string): void {
    const metadata = new grpc.Metadata();
    if (!this.#begun) metadata.set(metadataKeys.outcome, "not-executed");
    this.#call.sendStatus({ code: grpc.status.RESOURCE_EXHAUSTED, details, metadata });
    this.#over(0);
    abandon(this.#stream);
  }

  /** One of many is with the handler. */
  taken(): void {
    const bytes = this.#bytes.taken();
    if (!this.#stream.destroyed) this.#holds(this, this.#metadataBytes + bytes);
  }

  #whole(): void {
    this.#begun = true;
    this.#over(this.#metadataBytes);
  }

  #over(heldBytes: number): void {
    this.#stream.off("data", this.#take);
    this.#holds(this, heldBytes);
  }
}

/** The bytes of metadata that is held as long as the call, beyond those that any call may have. */
function metadataBytesOf(call: grpc.ServerInterceptingCallInterface): number {
  const { metadata } = call as unknown as Inside;
  let bytes = 0;
  for (const [key, value] of Object.entries(metadata?.toHttp2Headers() ?? {}))
    bytes += key.length + String(value).length;
  return bytes <= usualMetadataBytes ? 0 : metadataCopies * bytes;
}

/** A stream of requests, of which the next is asked for when the handler has taken the last (`servesOneByOne`). */
class CountedRequests extends grpc.ServerInterceptingCall {
  readonly #request: CountedRequest;

  constructor(call: grpc.ServerInterceptingCallInterface, request: CountedRequest) {
    super(call);
    this.#request = request;
  }

  override startRead(): void {
    this.#request.taken();
    super.startRead();
  }
}

/** Lets gRPC read ahead of a handler by one request, and not by sixteen of any size. */
export function servesOneByOne(call: object): void {
  const { _readableState: state } = call as { _readableState?: { highWaterMark: number } };
  if (state) state.highWaterMark = 1;
}

class CountedAnswer extends grpc.ServerInterceptingCall implements Holder {
  readonly #stream: ServerHttp2Stream;
  readonly #holds: Holds;

  constructor(call: grpc.ServerInterceptingCallInterface, stream: ServerHttp2Stream, holds: Holds) {
    super(call);
    this.#stream = stream;
    this.#holds = holds;
  }

  override sendMessage(message: unknown, callback: () => void): void {
    super.sendMessage(message, () => {
      this.#holds(this, 0);
      callback();
    });
    if (this.#stream.writableLength === 0) return;
    this.#stream.once("close", () => this.#holds(this, 0));
    this.#holds(this, this.#stream.writableLength);
  }

  /** Its status would wait behind the answer. */
  end(): void {
    abandon(this.#stream);
  }
}

/** Ends a stream, whatever was neither sent nor read. */
function abandon(stream: ServerHttp2Stream): void {
  stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  stream.destroy();
}
