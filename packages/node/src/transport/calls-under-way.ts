import { constants, type ServerHttp2Stream } from "node:http2";
import * as grpc from "@grpc/grpc-js";
import { metadataKeys } from "@synod/wire";
import { HeldBytes, type Holder } from "./held-bytes.js";
import { RequestBytes } from "./request-bytes.js";

/**
 * Bytes of requests that are not here as a whole, and of answers to single requests that were not taken, in a process. The
 * windows of HTTP/2 do not bound them: a message is put together, and an answer handed over, as a whole.
 */
export const maxBytesUnderWay = 128 << 20;

/** The part of a call of a grpc-js server that knows HTTP/2. */
interface Inside {
  readonly stream?: ServerHttp2Stream;
}

/** Bounds what calls hold before they reach their handler and after they left it. */
export function boundCallsUnderWay(maxBytes = maxBytesUnderWay): grpc.ServerInterceptor {
  const held = new HeldBytes(maxBytes);
  return ({ requestStream, responseStream }, call) => {
    const { stream } = call as unknown as Inside;
    const connection = stream?.session;
    if (!stream || !connection) return call as grpc.ServerInterceptingCall;
    const holds = (holder: Holder, bytes: number) => held.holds(connection, holder, bytes);
    countRequest(call, stream, requestStream, holds);
    // Streams of answers have bounds of their own.
    return responseStream ? (call as grpc.ServerInterceptingCall) : new CountedAnswer(call, stream, holds);
  };
}

type Holds = (holder: Holder, bytes: number) => void;

function countRequest(
  call: grpc.ServerInterceptingCallInterface,
  stream: ServerHttp2Stream,
  many: boolean,
  holds: Holds,
): void {
  const bytes = new RequestBytes(many);
  const holder = {
    end: (details: string) => {
      const metadata = new grpc.Metadata();
      // No handler has got a single request, but may have many before this one.
      if (!many) metadata.set(metadataKeys.outcome, "not-executed");
      call.sendStatus({ code: grpc.status.RESOURCE_EXHAUSTED, details, metadata });
      over();
      abandon(stream);
    },
  };
  const take = (data: Buffer) => holds(holder, bytes.take(data));
  const over = () => {
    stream.off("data", take);
    holds(holder, 0);
  };
  stream.on("data", take);
  // Before the handler has it, and may answer.
  stream.prependOnceListener("end", over);
  stream.once("close", over);
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
