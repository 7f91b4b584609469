import { status as Code } from "@grpc/grpc-js";
import {
  descriptorSet,
  type LoadedServices,
  loadServices,
  type PlainMessage,
  type ServiceMethod,
} from "@synod/wire";
import type { Reply } from "./call.js";
import { SynodError } from "./error.js";

interface Settings {
  readonly deadlineMs?: number;
}

type Execute = (service: string, method: string, request: Uint8Array, settings?: Settings) => Promise<Reply>;

/** The built-in services; read from the descriptor set when first needed. */
let builtIn: LoadedServices | undefined;

/** One function for each method of a service: plain object in, plain object out. */
export function typed<Methods extends object>(name: string, execute: Execute): Methods {
  builtIn ??= loadServices(descriptorSet);
  const service = builtIn.services.get(name);
  if (service === undefined) {
    throw new TypeError(
      `expected one of ${[...builtIn.services.keys()].join(", ")}, found the service ${name}`,
    );
  }
  const methods = [...service.methods.values()].map((method) => [method.name, caller(name, method, execute)]);
  return Object.fromEntries(methods) as Methods;
}

function caller(service: string, method: ServiceMethod, execute: Execute) {
  return async (request: PlainMessage, settings?: Settings): Promise<PlainMessage> => {
    const reply = await execute(service, method.name, encoded(method, request), settings);
    return method.decodeResponse(reply.response);
  };
}

function encoded(method: ServiceMethod, request: PlainMessage): Uint8Array {
  try {
    return method.encodeRequest(request);
  } catch (error) {
    throw new SynodError(Code.INVALID_ARGUMENT, (error as Error).message, "not executed");
  }
}
