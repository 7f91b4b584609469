import type {
  CallOptions,
  Client,
  ClientDuplexStream,
  Metadata,
  MethodDefinition,
  ServerDuplexStream,
  ServiceError,
} from "@grpc/grpc-js";
import { asBuffer } from "./bytes.js";
import type { Codec } from "./codec.js";
import { WireError } from "./wire-error.js";

/**
 * Stands where an incoming message was that is not valid. grpc-js answers INTERNAL and hides the reason when a
 * deserializer throws; so ours return this instead, and whoever takes the message ends the call with the error.
 */
export class Invalid {
  readonly error: WireError;

  constructor(error: WireError) {
    this.error = error;
  }
}

/** A message as it comes from the other side. */
export type Incoming<Message> = Message | Invalid;

/** A method with messages of the domain at both ends. */
export type Method<Request, Response> = MethodDefinition<Incoming<Request>, Incoming<Response>>;

export interface MethodShape {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

export function methodOf<Request, Response>(
  shape: MethodShape,
  request: Codec<Request>,
  response: Codec<Response>,
): Method<Request, Response> {
  return {
    ...shape,
    requestSerialize: (message) => serialized(request, message),
    requestDeserialize: (bytes) => deserialized(request, bytes),
    responseSerialize: (message) => serialized(response, message),
    responseDeserialize: (bytes) => deserialized(response, bytes),
  };
}

function serialized<Message>(codec: Codec<Message>, message: Incoming<Message>): Buffer {
  if (message instanceof Invalid) throw message.error;
  return asBuffer(codec.encode(message));
}

function deserialized<Message>(codec: Codec<Message>, bytes: Buffer): Incoming<Message> {
  try {
    return codec.decode(bytes);
  } catch (error) {
    if (error instanceof WireError) return new Invalid(error);
    throw error;
  }
}

function statusOf(error: WireError): { code: number; details: string } {
  return { code: error.code, details: error.message };
}

/** Server: ends a stream with the error's status. */
export function refuse(
  call: ServerDuplexStream<unknown, unknown>,
  error: Pick<ServiceError, "code" | "details"> | WireError,
): void {
  call.emit("error", error instanceof WireError ? statusOf(error) : error);
}

/**
 * Server: hands every valid message of a stream to `take`. The first one that is not ends the stream with
 * INVALID_ARGUMENT and the reason; nothing is taken after it.
 */
export function receive<Request, Response>(
  call: ServerDuplexStream<Incoming<Request>, Incoming<Response>>,
  take: (message: Request) => void,
): void {
  let refused = false;
  call.on("data", (message: Incoming<Request>) => {
    if (refused) return;
    if (message instanceof Invalid) {
      refused = true;
      refuse(call, message.error);
    } else take(message);
  });
}

/**
 * Client: opens a bidirectional stream. `take` sees valid messages only; the first one that is not cancels the call,
 * and its 'error' event carries INVALID_ARGUMENT and the reason. The caller listens to 'error' and 'drain'.
 */
export function openStream<Request, Response>(
  client: Client,
  method: Method<Request, Response>,
  take: (message: Response) => void,
  metadata?: Metadata,
  options: CallOptions = {},
): ClientDuplexStream<Request, Incoming<Response>> {
  const { path, requestSerialize, responseDeserialize } = method;
  const call = metadata
    ? client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata, options)
    : client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, options);
  let refused = false;
  call.on("data", (message: Incoming<Response>) => {
    if (refused) return;
    if (message instanceof Invalid) {
      refused = true;
      call.call?.cancelWithStatus(message.error.code, message.error.message);
    } else take(message);
  });
  return call as ClientDuplexStream<Request, Incoming<Response>>;
}

/** Client: one unary call. Rejects with a `ServiceError`, or a `WireError` when the answer is not valid. */
export function callUnary<Request, Response>(
  client: Client,
  method: Method<Request, Response>,
  request: Request,
  options: CallOptions & { readonly metadata?: Metadata } = {},
): Promise<Response> {
  const { path, requestSerialize, responseDeserialize } = method;
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null, response?: Incoming<Response>) => {
      if (error) reject(error);
      else if (response instanceof Invalid) reject(response.error);
      else resolve(response as Response);
    };
    const { metadata, ...rest } = options;
    if (metadata)
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, rest, done);
    else client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, rest, done);
  });
}
