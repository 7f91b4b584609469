import { type Random, randomBelow } from "@synod/core";
import { methodOf, serviceNames } from "./services.js";

/** A client's call of a replicated service. */
export interface Operation {
  readonly service: string;
  readonly method: string;
  readonly request: Uint8Array;
}

const { kv, calculator, lock } = serviceNames;

function operation(service: string, method: string, request: Record<string, unknown>): Operation {
  return { service, method, request: methodOf(service, method).encodeRequest(request) };
}

/** Lists, keys, locks that all clients share, so that they are in each other's way. */
const shared = 3;

/**
 * Every second one appends the command's own name to a list: a loss, a double and a wrong order all show.
 * @param name of the command; nothing else has it
 * @param tokens of locks that the client holds, by name
 */
export function drawOperation(
  random: Random,
  client: string,
  name: string,
  tokens: Map<string, string>,
): Operation {
  const kind = random();
  const number = randomBelow(random, shared);
  if (kind < 0.5) return operation(kv, "Append", { key: `list-${number}`, value: Buffer.from(`${name};`) });
  if (kind < 0.6) return operation(kv, "Put", { key: `key-${number}`, value: Buffer.from(name) });
  if (kind < 0.65) return operation(kv, "Delete", { key: `key-${number}` });
  if (kind < 0.7)
    return operation(kv, "CompareAndSet", {
      conditions: [{ key: `key-${number}`, absent: random() < 0.5 }],
      writes: [{ key: `key-${randomBelow(random, shared)}`, put: Buffer.from(name) }],
    });
  if (kind < 0.85) {
    const method = ["Add", "Subtract", "Multiply"][number] as string;
    return operation(calculator, method, { operand: String(randomBelow(random, 1000) - 500) });
  }
  return drawLock(random, client, `lock-${number}`, tokens);
}

function drawLock(random: Random, client: string, name: string, tokens: Map<string, string>): Operation {
  const ttlMs = String(2_000 + randomBelow(random, 3_000));
  const fencingToken = tokens.get(name);
  if (fencingToken === undefined || random() < 0.3)
    return operation(lock, "Acquire", { name, owner: client, ttlMs, wait: random() < 0.5 });
  if (random() < 0.5) return operation(lock, "Renew", { name, fencingToken, ttlMs });
  tokens.delete(name);
  return operation(lock, "Release", { name, fencingToken });
}

/** Keeps the token that an answer brings, for the client's later operations on that lock. */
export function learnToken(
  { method, request }: Operation,
  response: Uint8Array,
  tokens: Map<string, string>,
): void {
  if (method !== "Acquire") return;
  const { acquired, fencingToken } = methodOf(lock, method).decodeResponse(response);
  const { name } = methodOf(lock, method).decodeRequest(request);
  if (acquired) tokens.set(String(name), String(fencingToken));
}
