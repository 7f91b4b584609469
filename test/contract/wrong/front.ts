import * as grpc from "@grpc/grpc-js";
import { descriptorSet, loadServices, type PlainMessage, type ServiceMethod } from "@synod/wire";

/** What a proxy does to the messages of one method. Whatever it has no rule for passes as it is. */
export interface Rule {
  /** `package.Service/Method` */
  readonly method: string;
  /** The request that goes on, in place of the one that came. */
  request?(request: PlainMessage, metadata: grpc.Metadata): PlainMessage;
  /** The answer that goes back, in place of the one that came. */
  response?(response: PlainMessage, request: PlainMessage): PlainMessage;
  /** An answer given without asking. */
  answer?(request: PlainMessage): PlainMessage | undefined;
}

const { services } = loadServices(descriptorSet);

/** A service that behaves like the one behind it, but for its rules. */
export class FaultyFront {
  readonly address: string;
  readonly #server: grpc.Server;
  readonly #client: grpc.Client;

  static async before(target: string, rules: readonly Rule[]): Promise<FaultyFront> {
    const server = new grpc.Server();
    const client = new grpc.Client(target, grpc.credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
      "grpc.max_receive_message_length": -1,
    });
    for (const { methods } of services.values()) {
      const definition: Record<string, grpc.MethodDefinition<Buffer, Buffer>> = {};
      const handlers: grpc.UntypedServiceImplementation = {};
      for (const method of methods.values()) {
        definition[method.name] = rawMethod(method);
        const rule = rules.find((one) => `/${one.method}` === method.path) ?? { method: method.path };
        handlers[method.name] =
          method.requestStream || method.responseStream
            ? streamed(client, method, rule)
            : unary(client, method, rule);
      }
      server.addService(definition, handlers);
    }
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    return new FaultyFront(`127.0.0.1:${port}`, server, client);
  }

  private constructor(address: string, server: grpc.Server, client: grpc.Client) {
    this.address = address;
    this.#server = server;
    this.#client = client;
  }

  stop(): void {
    this.#client.close();
    this.#server.forceShutdown();
  }
}

const same = (bytes: Buffer) => bytes;

function rawMethod({
  path,
  requestStream,
  responseStream,
}: ServiceMethod): grpc.MethodDefinition<Buffer, Buffer> {
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

/** The message changed, or as it came where it is none: that is for the service behind to say. */
function changed(
  bytes: Buffer,
  decode: (bytes: Uint8Array) => PlainMessage,
  encode: (message: PlainMessage) => Uint8Array,
  change: ((message: PlainMessage) => PlainMessage) | undefined,
): Buffer {
  if (!change) return bytes;
  let message: PlainMessage;
  try {
    message = decode(bytes);
  } catch {
    return bytes;
  }
  return Buffer.from(encode(change(message)));
}

function decoded(method: ServiceMethod, bytes: Buffer): PlainMessage | undefined {
  try {
    return method.decodeRequest(bytes);
  } catch {
    return undefined;
  }
}

function unary(client: grpc.Client, method: ServiceMethod, rule: Rule): grpc.handleUnaryCall<Buffer, Buffer> {
  return (call, callback) => {
    const asked = decoded(method, call.request);
    const own = asked && rule.answer?.(asked);
    if (own) {
      callback(null, Buffer.from(method.encodeResponse(own)));
      return;
    }
    const { metadata } = call;
    const request = changed(
      call.request,
      method.decodeRequest,
      method.encodeRequest,
      rule.request && ((message) => rule.request?.(message, metadata) ?? message),
    );
    let answer: Buffer | undefined;
    client
      .makeUnaryRequest(
        method.path,
        same,
        same,
        request,
        metadata,
        { deadline: call.getDeadline() },
        (_, bytes) => {
          answer = bytes;
        },
      )
      .on("status", ({ code, details, metadata: trailer }) => {
        if (!answer) {
          callback({ code, details, metadata: trailer });
          return;
        }
        const { response } = rule;
        const change = response && asked && ((message: PlainMessage) => response(message, asked));
        callback(null, changed(answer, method.decodeResponse, method.encodeResponse, change), trailer);
      });
  };
}

function streamed(
  client: grpc.Client,
  method: ServiceMethod,
  rule: Rule,
): grpc.handleBidiStreamingCall<Buffer, Buffer> {
  return (call) => {
    const onward = client.makeBidiStreamRequest<Buffer, Buffer>(method.path, same, same, call.metadata);
    const { request, response } = rule;
    const forward = (bytes: Buffer) =>
      onward.write(
        changed(
          bytes,
          method.decodeRequest,
          method.encodeRequest,
          request && ((message) => request(message, call.metadata)),
        ),
      );
    onward.on("error", () => {});
    call.on("error", () => {});
    // A stream of answers to one request comes as a call that already has it.
    if (method.requestStream) {
      call.on("data", forward);
      call.on("end", () => onward.end());
    } else {
      forward((call as unknown as { request: Buffer }).request);
      onward.end();
    }
    call.on("cancelled", () => onward.cancel());
    onward.on("data", (bytes: Buffer) => {
      const change = response && ((message: PlainMessage) => response(message, {}));
      call.write(changed(bytes, method.decodeResponse, method.encodeResponse, change));
    });
    onward.on("status", ({ code, details }) => {
      if (code === grpc.status.OK) call.end();
      else call.emit("error", { code, details });
    });
  };
}
