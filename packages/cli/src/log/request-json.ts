import { systemService } from "@synod/state-machine";
import { descriptorSet, type LoadedServices, loadServices, type ServiceMethod } from "@synod/wire";

let known: LoadedServices | undefined;

function findMethod(service: string, method: string): ServiceMethod | undefined {
  known ??= loadServices(descriptorSet);
  return known.services.get(service)?.methods.get(method);
}

/** A method of a service that comes with Synod. Throws when there is none. */
export function builtInMethod(service: string, method: string): ServiceMethod {
  const found = findMethod(service, method);
  if (found === undefined) throw new Error(`expected a built-in method, found ${service}/${method}`);
  return found;
}

/**
 * The request of a command as it looks in JSON (bytes in base64, 64-bit integers as text); undefined when the service is
 * not one of those that come with Synod, or the bytes are no such message.
 */
export function requestJson(command: { service: string; method: string; request: Uint8Array }): unknown {
  const method = findMethod(command.service, command.method);
  try {
    // What Synod's own commands say is JSON already.
    if (command.service === systemService && command.request.length > 0)
      return JSON.parse(Buffer.from(command.request).toString());
    if (method === undefined) return undefined;
    return plain(method.decodeRequest(command.request));
  } catch {
    return undefined;
  }
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}
