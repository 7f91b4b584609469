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

/** Finds the method of a command; undefined when nobody here knows it. */
export type MethodFinder = (service: string, method: string) => Promise<ServiceMethod | undefined>;

/**
 * Knows the services that come with Synod, and asks for a descriptor set of each other one, once. What cannot be had is as
 * if it were not described.
 */
export function methodFinder(describe: (service: string) => Promise<Uint8Array>): MethodFinder {
  const described = new Map<string, Promise<LoadedServices | undefined>>();
  return async (service, method) => {
    const own = findMethod(service, method);
    if (own !== undefined || service === systemService) return own;
    let loaded = described.get(service);
    if (loaded === undefined) {
      loaded = describe(service).then(loadServices, () => undefined);
      // A set that cannot be loaded describes nothing.
      loaded = loaded.catch(() => undefined);
      described.set(service, loaded);
    }
    return (await loaded)?.services.get(service)?.methods.get(method);
  };
}

/**
 * The request of a command as it looks in JSON (bytes in base64, 64-bit integers as text); undefined when its method is not
 * known, or the bytes are no such message.
 */
export async function requestJson(
  command: { service: string; method: string; request: Uint8Array },
  find: MethodFinder,
): Promise<unknown> {
  try {
    // Requests of Synod's own commands are JSON already.
    if (command.service === systemService && command.request.length > 0)
      return JSON.parse(Buffer.from(command.request).toString());
    const method = await find(command.service, command.method);
    return method && plain(method.decodeRequest(command.request));
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
