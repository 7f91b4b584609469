import * as grpc from "@grpc/grpc-js";
import { type Incoming, Invalid } from "@synod/wire";
import { boundCallsUnderWay } from "./calls-under-way.js";
import { serverOptions } from "./channel.js";
import { ServerOfCluster } from "./served-cluster.js";
import { widenWindows } from "./wide-windows.js";

/** The error that ends a unary handler which does not answer. */
export class CallError extends Error {
  override readonly name = "CallError";
  readonly code: grpc.status;
  readonly metadata: grpc.Metadata | undefined;

  constructor(code: grpc.status, details: string, metadata?: grpc.Metadata) {
    super(details);
    this.code = code;
    this.metadata = metadata;
  }
}

/** The answer of a handler. */
export interface UnaryAnswer<Response> {
  readonly response: Response;
  readonly trailer?: grpc.Metadata | undefined;
}

/** A unary call with a request that is valid. */
export interface UnaryCall<Request> {
  readonly request: Request;
  readonly metadata: grpc.Metadata;
  /** The other end of the connection, as host:port. */
  readonly peer: string;
  /** Called once if the caller gives up. */
  onCancelled(callback: () => void): void;
  /** Milliseconds until the caller gives up; infinite when it named no deadline. */
  timeLeftMs(): number;
}

/**
 * Makes a grpc-js handler of a function that answers or throws: whatever it throws becomes a status, and nothing is
 * left as a rejected promise that would end the process (grpc-node#308).
 * @param refused trailer of calls that end before they do anything: with a request that is no message, or by a CallError
 *   without a trailer of its own
 */
export function unary<Request, Response>(
  answer: (call: UnaryCall<Request>) => Promise<UnaryAnswer<Response>> | UnaryAnswer<Response>,
  refused?: grpc.Metadata,
): grpc.handleUnaryCall<Incoming<Request>, Incoming<Response>> {
  return (call, callback) => {
    call.on("error", () => {});
    const { request, metadata } = call;
    if (request instanceof Invalid) {
      callback(withTrailer(statusOf(request.error), refused));
      return;
    }
    const onCancelled = (cancelled: () => void) => call.once("cancelled", cancelled);
    const timeLeft = () => timeLeftMs(call.getDeadline());
    void (async () => {
      try {
        const { response, trailer } = await answer({
          ...{ request, metadata, peer: call.getPeer() },
          ...{ onCancelled, timeLeftMs: timeLeft },
        });
        callback(null, response, trailer);
      } catch (error) {
        callback(withTrailer(statusOf(error), error instanceof CallError ? refused : undefined));
      }
    })();
  };
}

function withTrailer(status: grpc.ServerErrorResponse, trailer?: grpc.Metadata): grpc.ServerErrorResponse {
  return status.metadata || !trailer ? status : { ...status, metadata: trailer.clone() };
}

const halfCharacters = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;

/** Errors that carry a gRPC code keep it; anything else is a defect here. */
export function statusOf(error: unknown): grpc.ServerErrorResponse {
  const { code, metadata } = error as { code?: unknown; metadata?: grpc.Metadata | undefined };
  // Half a character in a status would throw within grpc-js, and end the process.
  const details = (error instanceof Error ? error.message : String(error)).replace(halfCharacters, "\uFFFD");
  const known = typeof code === "number" && grpc.status[code] !== undefined ? code : grpc.status.INTERNAL;
  const status = { name: "Error", message: details, code: known, details };
  return metadata ? { ...status, metadata } : status;
}

function timeLeftMs(deadline: grpc.Deadline): number {
  const atMs = deadline instanceof Date ? deadline.getTime() : deadline;
  return Math.max(0, atMs - Date.now());
}

/** The address is taken by another process. */
export class AddressInUse extends Error {
  override readonly name = "AddressInUse";
  readonly code = "EADDRINUSE";
}

/** The time that `stop` gives calls to end by themselves, in milliseconds. */
const drainMs = 1_500;

/** A gRPC server that can be stopped for certain. */
export class Server {
  readonly grpc: grpc.Server;
  readonly #credentials: grpc.ServerCredentials;

  /**
   * @param who the member, for callers who mean another cluster
   * @param maxBytes of requests and answers under way
   */
  constructor(credentials: grpc.ServerCredentials, who: string, clusterId: string, maxBytes?: number) {
    this.#credentials = credentials;
    const options = { ...serverOptions, interceptors: [boundCallsUnderWay(maxBytes)] };
    this.grpc = new ServerOfCluster(options, who, clusterId);
  }

  /**
   * Binds `host:port`, or any free port for port 0. Resolves to the port. Throws `AddressInUse`.
   * @param windowBytes what callers may send ahead of what is read; gRPC's 64 KiB when it is absent
   */
  listen(address: string, windowBytes?: number): Promise<number> {
    const widened = windowBytes === undefined ? () => {} : widenWindows(this.grpc, windowBytes);
    return new Promise((resolve, reject) => {
      this.grpc.bindAsync(address, this.#credentials, (error, port) => {
        if (!error) {
          widened();
          resolve(port);
        } else if (/EADDRINUSE/.test(error.message)) {
          reject(
            new AddressInUse(`${address} is in use by another process: stop that one, or listen elsewhere`),
          );
        } else reject(new Error(`cannot listen on ${address}: ${error.message}`));
      });
    });
  }

  /** Lets calls end for a moment, then ends them: tryShutdown alone can hang (grpc-node#1664). */
  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => resolve(), drainMs);
      this.grpc.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    this.grpc.forceShutdown();
  }
}
