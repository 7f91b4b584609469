import {
  type ServerDuplexStream,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { type Incoming, type Method, methodOf, receive } from "./calls.js";
import { codec } from "./codec.js";
import { messageType, descriptorSet as ownDescriptorSet } from "./descriptors.js";
import { FileIndex } from "./file-index.js";
import type { ServerReflectionRequest as Request } from "./gen/grpc/reflection/v1/ServerReflectionRequest.js";
import type { ServerReflectionResponse as Response } from "./gen/grpc/reflection/v1/ServerReflectionResponse.js";
import { snake } from "./well-formed.js";

/*
 * gRPC server reflection, v1 and v1alpha, straight from the descriptor sets the proto compiler wrote: files are handed
 * out byte for byte as they stand there, with everything they import.
 */

const packages = ["grpc.reflection.v1", "grpc.reflection.v1alpha"] as const;
const service = "ServerReflection";
const method = "ServerReflectionInfo";
const questions = [
  "fileByFilename",
  "fileContainingSymbol",
  "fileContainingExtension",
  "allExtensionNumbersOfType",
  "listServices",
] as const;

/**
 * Definition and handlers of both reflection services, for Server.addService.
 *
 * @param descriptorSets google.protobuf.FileDescriptorSets, imports included, that describe the services; Synod's own
 *   is always known
 * @param serviceNames the services to list (those the server has)
 *
 * Throws an Error when a service to list is not described.
 */
export function reflectionServices(
  descriptorSets: Uint8Array | readonly Uint8Array[],
  serviceNames: readonly string[],
): [ServiceDefinition, UntypedServiceImplementation][] {
  const sets = descriptorSets instanceof Uint8Array ? [descriptorSets] : descriptorSets;
  const index = new FileIndex(...sets, ownDescriptorSet);
  const unknown = serviceNames.filter((name) => !index.services.includes(name));
  if (unknown.length > 0)
    throw new Error(
      `reflection: no descriptor set describes ${unknown.join(", ")}; it knows ${index.services.join(", ")}`,
    );
  const listed = [...new Set([...serviceNames, ...packages.map((name) => `${name}.${service}`)])].sort();
  return packages.map((name) => {
    return [
      { [method]: reflectionMethod(name) },
      { [method]: (call: Call) => serve(call, (request) => answer(index, listed, request)) },
    ];
  });
}

/** The one method of a reflection service. */
export function reflectionMethod(name: (typeof packages)[number]): Method<Request, Response> {
  return methodOf(
    { path: `/${name}.${service}/${method}`, requestStream: true, responseStream: true },
    codec(messageType<Request>(`${name}.ServerReflectionRequest`), asIs<Request>()),
    codec(messageType<Response>(`${name}.ServerReflectionResponse`), asIs<Response>()),
  );
}

type Call = ServerDuplexStream<Incoming<Request>, Incoming<Response>>;

function asIs<Wire>() {
  return {
    toWire: (message: Wire) => message,
    fromWire: (message: Wire | null | undefined) => message as Wire,
  };
}

/** One answer for each question, in order; no more questions are read while the answers do not drain. */
function serve(call: Call, answerTo: (request: Request) => Response): void {
  receive(call, (request: Request) => {
    if (call.write(answerTo(request))) return;
    call.pause();
    call.once("drain", () => call.resume());
  });
  call.on("end", () => call.end());
  call.on("error", () => undefined);
}

function answer(index: FileIndex, services: readonly string[], request: Request): Response {
  return {
    validHost: request.host ?? "",
    originalRequest: request,
    ...answerOf(index, services, request),
  };
}

function answerOf(index: FileIndex, services: readonly string[], request: Request): Response {
  const asked = questions.filter((question) => Object.hasOwn(request, question));
  // Of several members of a oneof the last one counts; the order is lost here, so whoever sends several is told so.
  if (asked.length > 1)
    return failure(status.INVALID_ARGUMENT, `expected one question, found ${asked.join(" and ")}`);
  switch (asked[0]) {
    case "fileByFilename": {
      const name = request.fileByFilename ?? "";
      return files(index, index.hasFile(name) ? name : undefined, `file ${name}`);
    }
    case "fileContainingSymbol": {
      const name = request.fileContainingSymbol ?? "";
      return files(index, index.fileOfSymbol(name), `symbol ${name}`);
    }
    case "fileContainingExtension": {
      const type = request.fileContainingExtension?.containingType ?? "";
      const number = request.fileContainingExtension?.extensionNumber ?? 0;
      return files(index, index.fileOfExtension(type, number), `extension ${number} of ${type}`);
    }
    case "allExtensionNumbersOfType": {
      const type = request.allExtensionNumbersOfType ?? "";
      if (index.fileOfSymbol(type) === undefined) return failure(status.NOT_FOUND, `no type ${type} here`);
      return {
        allExtensionNumbersResponse: { baseTypeName: type, extensionNumber: index.extensionNumbers(type) },
      };
    }
    case "listServices":
      return { listServicesResponse: { service: services.map((name) => ({ name })) } };
    default:
      return failure(
        status.INVALID_ARGUMENT,
        `expected one of ${questions.map(snake).join(", ")}, found none`,
      );
  }
}

function files(index: FileIndex, name: string | undefined, what: string): Response {
  if (name === undefined) return failure(status.NOT_FOUND, `no ${what} here`);
  return {
    fileDescriptorResponse: {
      fileDescriptorProto: index.withImports(name).map((bytes) => Buffer.from(bytes)),
    },
  };
}

function failure(errorCode: number, errorMessage: string): Response {
  return { errorResponse: { errorCode, errorMessage } };
}
