import { filesOf, joined, type MethodDescriptor } from "./message-types.js";
import { type PlainCodec, type PlainMessage, PlainMessages } from "./plain/messages.js";
import type { Evaluate } from "./plain/realm-values.js";
import { refusalOfMethod } from "./plain/refusals.js";

export type Idempotency = "unknown" | "no-side-effects" | "idempotent";

/** One method of a replicated service, on plain objects. */
export interface ServiceMethod {
  readonly name: string;
  /** `/package.Service/Method` */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  /** The reason why a service with this method cannot be replicated; undefined when it can. */
  readonly refused: string | undefined;
  /** The method's `idempotency_level`. */
  readonly idempotency: Idempotency;
  /** Full names of the messages. */
  readonly requestType: string;
  readonly responseType: string;
  /** Decoding throws a `WireError` that names the message. */
  decodeRequest(bytes: Uint8Array): PlainMessage;
  decodeResponse(bytes: Uint8Array): PlainMessage;
  /**
   * Encoding throws a `WireError` that names the field when the object does not fit the message: an unknown field, an
   * integer out of range, two members of a oneof, text for bytes. Fields left out have their default.
   */
  encodeRequest(message: PlainMessage): Uint8Array;
  encodeResponse(message: PlainMessage): Uint8Array;
}

export interface Service {
  /** Full name. */
  readonly name: string;
  readonly methods: ReadonlyMap<string, ServiceMethod>;
}

/** Everything that a descriptor set describes. */
export interface LoadedServices {
  readonly services: ReadonlyMap<string, Service>;
  /** Codec of any message in the set. Throws an Error when there is none of that full name. */
  message(fullName: string): PlainCodec;
}

/** MethodOptions.IdempotencyLevel, by number. */
const idempotencyLevels: readonly Idempotency[] = ["unknown", "no-side-effects", "idempotent"];

/**
 * Every service in a google.protobuf.FileDescriptorSet, by full name. Throws an Error when the bytes are no such set,
 * and one that names every construct in it that is not supported.
 *
 * @param evaluate of the realm whose objects messages are decoded to; the process's own realm when absent. Then bytes are
 *   views of what was decoded, and in other realms copies.
 */
export function loadServices(descriptorSet: Uint8Array, evaluate?: Evaluate): LoadedServices {
  const files = filesOf(descriptorSet);
  const messages = new PlainMessages(files, evaluate);
  const message = (fullName: string) => messages.codec(fullName);
  const services = files.flatMap((file) =>
    (file.service ?? []).map((declared): [string, Service] => {
      const name = joined(file.package ?? "", declared.name);
      const methods = (declared.method ?? []).map((each) => serviceMethod(name, each, message));
      return [name, { name, methods: new Map(methods.map((each) => [each.name, each])) }];
    }),
  );
  return { services: new Map(services), message };
}

function serviceMethod(
  service: string,
  declared: MethodDescriptor,
  message: (fullName: string) => PlainCodec,
): ServiceMethod {
  const requestType = declared.inputType.replace(/^\./, "");
  const responseType = declared.outputType.replace(/^\./, "");
  const request = message(requestType);
  const response = message(responseType);
  return {
    name: declared.name,
    path: `/${service}/${declared.name}`,
    requestStream: declared.clientStreaming === true,
    responseStream: declared.serverStreaming === true,
    refused: refusalOfMethod(declared),
    idempotency: idempotencyLevels[declared.options?.idempotencyLevel ?? 0] ?? "unknown",
    requestType,
    responseType,
    decodeRequest: request.decode,
    decodeResponse: response.decode,
    encodeRequest: request.encode,
    encodeResponse: response.encode,
  };
}
