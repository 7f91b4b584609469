import type { Read } from "../gen/types.js";

/*
 * The rules for requests of proto/synod/kv/v1/kv.proto that hold whatever the state.
 */
export const keyValueLimits = Object.freeze({
  maxKeyBytes: 1024,
  maxValueBytes: 512 << 10,
  /** Conditions, and writes, of one CompareAndSet. */
  maxConditions: 1000,
  maxWrites: 1000,
  maxPageEntries: 1000,
  /** A page ends before an entry that would take it beyond; the first entry always fits. */
  maxPageBytes: 512 << 10,
});

const { maxKeyBytes, maxValueBytes, maxConditions, maxWrites, maxPageEntries } = keyValueLimits;

export function keyProblem(key: string, field = "key"): string | undefined {
  const bytes = Buffer.byteLength(key);
  if (bytes >= 1 && bytes <= maxKeyBytes) return undefined;
  return `${field}: expected 1 to ${maxKeyBytes} bytes of UTF-8, found ${bytes}`;
}

function valueProblem(value: Uint8Array, field = "value"): string | undefined {
  if (value.length <= maxValueBytes) return undefined;
  return `${field}: expected at most ${maxValueBytes} bytes, found ${value.length}`;
}

export function putProblem({
  key,
  value,
}: Read<"synod.kv.v1.PutRequest"> | Read<"synod.kv.v1.AppendRequest">): string | undefined {
  return keyProblem(key) ?? valueProblem(value);
}

export function rangeProblem({
  prefix,
  limit,
  continuation,
}: Read<"synod.kv.v1.RangeRequest">): string | undefined {
  const bytes = Buffer.byteLength(prefix);
  if (bytes > maxKeyBytes) return `prefix: expected at most ${maxKeyBytes} bytes of UTF-8, found ${bytes}`;
  if (limit > maxPageEntries)
    return `limit: expected at most ${maxPageEntries}, or 0 for as many, found ${limit}`;
  if (continuation !== "" && keyOfContinuation(continuation, prefix) === undefined) {
    return "continuation: expected the text that an earlier page with the same prefix gave, or nothing";
  }
  return undefined;
}

export function compareAndSetProblem({
  conditions,
  writes,
}: Read<"synod.kv.v1.CompareAndSetRequest">): string | undefined {
  if (conditions.length + writes.length === 0) return "expected at least one condition or write, found none";
  if (conditions.length > maxConditions) {
    return `conditions: expected at most ${maxConditions}, found ${conditions.length}`;
  }
  if (writes.length > maxWrites) return `writes: expected at most ${maxWrites}, found ${writes.length}`;
  return (
    firstProblem(conditions, (condition, index) => conditionProblem(condition, `conditions[${index}]`)) ??
    firstProblem(writes, (write, index) => writeProblem(write, `writes[${index}]`))
  );
}

function conditionProblem(condition: Read<"synod.kv.v1.Condition">, field: string): string | undefined {
  const { key, value, absent, revision } = condition;
  const given = [value, absent, revision].filter((member) => member !== undefined).length;
  if (given !== 1) return `${field}: expected exactly one of value, absent and revision, found ${given}`;
  return (
    keyProblem(key, `${field}.key`) ??
    (value === undefined ? undefined : valueProblem(value, `${field}.value`))
  );
}

function writeProblem(write: Read<"synod.kv.v1.Write">, field: string): string | undefined {
  const given = [write.put, write.delete].filter((member) => member !== undefined).length;
  if (given !== 1) return `${field}: expected exactly one of put and delete, found ${given}`;
  if (write.delete === false)
    return `${field}.delete: expected true, found false; leave the write out instead`;
  return (
    keyProblem(write.key, `${field}.key`) ??
    (write.put === undefined ? undefined : valueProblem(write.put, `${field}.put`))
  );
}

function firstProblem<T>(
  items: readonly T[],
  problemOf: (item: T, index: number) => string | undefined,
): string | undefined {
  for (const [index, item] of items.entries()) {
    const problem = problemOf(item, index);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Names the last key of a page; the next page begins after it, so keys written or deleted in between do no harm. */
export function continuationAfter(key: string): string {
  return Buffer.from(key).toString("base64url");
}

/** The last key of the page before; undefined if no page with this prefix can have given the text. */
export function keyOfContinuation(continuation: string, prefix: string): string | undefined {
  if (continuation.length > 2 * maxKeyBytes) return undefined;
  const bytes = Buffer.from(continuation, "base64url");
  const key = bytes.toString("utf8");
  if (bytes.length > maxKeyBytes || continuationAfter(key) !== continuation) return undefined;
  return key.startsWith(prefix) ? key : undefined;
}
