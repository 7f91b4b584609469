// Operations of a history in few words, for histories that are made by hand or drawn. Times: called at, answered at, or
// `never` where no answer came.

/** @typedef {import("@synod/history").Operation} Operation @typedef {import("@synod/history").Outcome} Outcome */
/** @typedef {number | undefined} Time */

/** No answer came. */
export const never = undefined;

export const keyValue = "synod.kv.v1.KeyValue";
export const calculator = "synod.calculator.v1.Calculator";
export const lock = "synod.lock.v1.Lock";

/**
 * @param {string} service @param {string} method @param {Record<string, unknown>} request
 * @param {number} invoked @param {Time} returned @param {Outcome} outcome
 * @returns {Operation}
 */
export function call(service, method, request, invoked, returned, outcome) {
  const result = returned === undefined ? undefined : { returned, outcome };
  return { client: "c", service, method, request, invoked, result };
}

/** @param {string} text */
export const bytes = (text) => Buffer.from(text).toString("base64");

/** @param {number} from @param {Time} to @param {string} key @param {string} value @param {number} [revision] */
export function put(from, to, key, value, revision) {
  const answer = revision === undefined ? {} : { revision: String(revision) };
  return call(keyValue, "Put", { key, value: bytes(value) }, from, to, { answer });
}

/** @param {number} from @param {Time} to @param {string} key @param {string | undefined} value @param {number} [revision] */
export function get(from, to, key, value, revision) {
  const found = {
    found: true,
    value: bytes(value ?? ""),
    ...(revision ? { revision: String(revision) } : {}),
  };
  return call(keyValue, "Get", { key }, from, to, { answer: value === undefined ? { found: false } : found });
}

/** @param {number} from @param {Time} to @param {string} key @param {boolean} deleted */
export function remove(from, to, key, deleted) {
  return call(keyValue, "Delete", { key }, from, to, { answer: { deleted } });
}

/** @param {number} from @param {Time} to @param {string} key @param {string} value @param {number} length */
export function append(from, to, key, value, length) {
  return call(keyValue, "Append", { key, value: bytes(value) }, from, to, {
    answer: { length: String(length) },
  });
}

/**
 * Writes the value where the key has the expected one; undefined: where it is absent.
 * @param {number} from @param {Time} to @param {string} key @param {string | undefined} expected @param {string} value
 * @param {boolean} succeeded
 */
export function swap(from, to, key, expected, value, succeeded) {
  const condition = expected === undefined ? { key, absent: true } : { key, value: bytes(expected) };
  const request = { conditions: [condition], writes: [{ key, put: bytes(value) }] };
  const answer = succeeded ? { succeeded } : { succeeded, failedKeys: [key] };
  return call(keyValue, "CompareAndSet", request, from, to, { answer });
}

/** @param {number} from @param {Time} to @param {Record<string, string>} entries what a Range over all keys answered */
export function range(from, to, entries) {
  const found = Object.entries(entries).map(([key, value]) => ({ key, value: bytes(value) }));
  return call(keyValue, "Range", {}, from, to, { answer: { entries: found } });
}

/** @param {number} from @param {Time} to @param {"Add" | "Subtract" | "Multiply"} method @param {number} operand @param {number} value */
export function compute(from, to, method, operand, value) {
  const answer = { value: String(value) };
  return call(calculator, method, { operand: String(operand) }, from, to, { answer });
}

/** @param {number} from @param {Time} to @param {number} value */
export function number(from, to, value) {
  return call(calculator, "Value", {}, from, to, { answer: { value: String(value) } });
}

/**
 * Asks for the lock "l", and waits in line.
 * @param {number} from @param {Time} to @param {string} owner @param {{ acquired: boolean, token: number, ahead?: number }} told
 */
export function acquire(from, to, owner, { acquired, token, ahead = 0 }) {
  const answer = {
    ...{ acquired, fencingToken: String(token), ahead },
    ...(acquired ? { expiresAtMs: String(1000 + token) } : {}),
  };
  return call(lock, "Acquire", { name: "l", owner, ttlMs: "2000", wait: true }, from, to, { answer });
}

/** @param {number} from @param {Time} to @param {number} token @param {boolean} released */
export function release(from, to, token, released) {
  return call(lock, "Release", { name: "l", fencingToken: String(token) }, from, to, {
    answer: { released },
  });
}

/** @param {number} from @param {Time} to @param {string | undefined} owner @param {number} [token] @param {string[]} [waiting] */
export function holder(from, to, owner, token, waiting = []) {
  const held = {
    held: true,
    owner,
    fencingToken: String(token),
    expiresAtMs: String(1000 + (token ?? 0)),
    waiting,
  };
  return call(lock, "Get", { name: "l" }, from, to, { answer: owner === undefined ? { held: false } : held });
}
