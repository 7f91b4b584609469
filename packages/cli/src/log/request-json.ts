import { descriptorSet, type LoadedServices, loadServices } from "@synod/wire";

let known: LoadedServices | undefined;

/**
 * The request of a command as it looks in JSON (bytes in base64, 64-bit integers as text); undefined when the service is
 * not one of those that come with Synod, or the bytes are no such message.
 */
export function requestJson(command: { service: string; method: string; request: Uint8Array }): unknown {
  known ??= loadServices(descriptorSet);
  const method = known.services.get(command.service)?.methods.get(command.method);
  if (method === undefined) return undefined;
  try {
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
