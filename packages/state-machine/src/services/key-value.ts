import { Status } from "@synod/core";
import { type Context, defineService, type MethodCodec, type ReplicatedService } from "../service.js";
import type { ReadTransaction, Transaction } from "../transaction.js";
import {
  type AppendRequest,
  type CompareAndSetRequest,
  type Condition,
  compareAndSetProblem,
  continuationAfter,
  type DeleteRequest,
  type GetRequest,
  keyOfContinuation,
  keyProblem,
  keyValueLimits,
  type PutRequest,
  putProblem,
  type RangeRequest,
  rangeProblem,
} from "./key-value-request.js";

/** Revisions and lengths are uint64s as decimal strings. */
interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: string;
}

export interface KeyValueMethods {
  Put: { request: PutRequest; response: { revision: string } };
  Get: { request: GetRequest; response: { found: boolean; value: Uint8Array; revision: string } };
  Delete: { request: DeleteRequest; response: { deleted: boolean } };
  Range: { request: RangeRequest; response: { entries: readonly Entry[]; continuation: string } };
  CompareAndSet: {
    request: CompareAndSetRequest;
    response: { succeeded: boolean; failedKeys: readonly string[]; revision: string };
  };
  Append: { request: AppendRequest; response: { length: string } };
}

const revisionBytes = 8;
const noValue = new Uint8Array(0);

/** A stored value: the revision that wrote it, then its bytes. */
function encodeStored(revision: number, ...values: readonly Uint8Array[]): Uint8Array {
  let length = revisionBytes;
  for (const value of values) length += value.length;
  const bytes = Buffer.allocUnsafe(length);
  bytes.writeUInt32BE(Math.floor(revision / 2 ** 32), 0);
  bytes.writeUInt32BE(revision >>> 0, 4);
  let at = revisionBytes;
  for (const value of values) {
    bytes.set(value, at);
    at += value.length;
  }
  return bytes;
}

function revisionOf(stored: Uint8Array): string {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, revisionBytes);
  return String(bytes.readUInt32BE(0) * 2 ** 32 + bytes.readUInt32BE(4));
}

function contentOf(stored: Uint8Array): Uint8Array {
  return stored.subarray(revisionBytes);
}

function get(tx: ReadTransaction, { key }: GetRequest): KeyValueMethods["Get"]["response"] {
  const stored = tx.get(Buffer.from(key));
  if (stored === undefined) return { found: false, value: noValue, revision: "0" };
  return { found: true, value: contentOf(stored), revision: revisionOf(stored) };
}

function remove(tx: Transaction, { key }: DeleteRequest): KeyValueMethods["Delete"]["response"] {
  const bytes = Buffer.from(key);
  const deleted = tx.get(bytes) !== undefined;
  if (deleted) tx.delete(bytes);
  return { deleted };
}

/** What an entry adds to a page besides key and value. */
const entryOverheadBytes = 32;

function range(tx: ReadTransaction, request: RangeRequest): KeyValueMethods["Range"]["response"] {
  const { prefix, continuation } = request;
  const { maxPageEntries, maxPageBytes } = keyValueLimits;
  const limit = request.limit === 0 ? maxPageEntries : request.limit;
  const last = continuation === "" ? undefined : keyOfContinuation(continuation, prefix);
  // The first key after another one is that key with a zero byte more.
  const from = last === undefined ? Buffer.from(prefix) : Buffer.concat([last, Buffer.alloc(1)]);
  const entries: Entry[] = [];
  let bytes = 0;
  let lastKey: Uint8Array = noValue;
  for (const [key, stored] of tx.range({ from, until: prefixEnd(prefix), limit: limit + 1 })) {
    bytes += key.length + stored.length + entryOverheadBytes;
    if (entries.length === limit || (entries.length > 0 && bytes > maxPageBytes)) {
      return { entries, continuation: continuationAfter(lastKey) };
    }
    entries.push({
      key: Buffer.from(key).toString(),
      value: contentOf(stored),
      revision: revisionOf(stored),
    });
    lastKey = key;
  }
  return { entries, continuation: "" };
}

/** The first key after all that begin with the prefix. UTF-8 has no byte 255, so the last one can be raised. */
function prefixEnd(prefix: string): Uint8Array | undefined {
  if (prefix === "") return undefined;
  const end = Buffer.from(prefix);
  end[end.length - 1] = (end[end.length - 1] as number) + 1;
  return end;
}

function holds(tx: ReadTransaction, condition: Condition): boolean {
  const stored = tx.get(Buffer.from(condition.key));
  if (condition.value !== undefined)
    return stored !== undefined && Buffer.compare(contentOf(stored), condition.value) === 0;
  if (condition.absent !== undefined) return condition.absent === (stored === undefined);
  return condition.revision === (stored === undefined ? "0" : revisionOf(stored));
}

function compareAndSet(
  tx: Transaction,
  { conditions, writes }: CompareAndSetRequest,
  context: Context,
): KeyValueMethods["CompareAndSet"]["response"] {
  const failedKeys = new Set<string>();
  for (const condition of conditions) if (!holds(tx, condition)) failedKeys.add(condition.key);
  if (failedKeys.size > 0) return { succeeded: false, failedKeys: [...failedKeys], revision: "0" };
  for (const { key, put } of writes) {
    if (put === undefined) tx.delete(Buffer.from(key));
    else tx.put(Buffer.from(key), encodeStored(context.revision, put));
  }
  return { succeeded: true, failedKeys: [], revision: writes.length === 0 ? "0" : String(context.revision) };
}

function append(tx: Transaction, { key, value }: AppendRequest, context: Context): { length: string } {
  const bytes = Buffer.from(key);
  const stored = tx.get(bytes);
  const before = stored === undefined ? noValue : contentOf(stored);
  const length = before.length + value.length;
  const { maxValueBytes } = keyValueLimits;
  if (length > maxValueBytes) {
    context.fail(
      Status.failedPrecondition,
      `value: expected at most ${maxValueBytes} bytes, would be ${length}; nothing was appended`,
    );
  }
  tx.put(bytes, encodeStored(context.revision, before, value));
  return { length: String(length) };
}

/** `synod.kv.v1.KeyValue`: an ordered store of bytes by text. */
export function keyValueService(
  codec: { readonly [K in keyof KeyValueMethods]: MethodCodec },
): ReplicatedService {
  return defineService<KeyValueMethods>({
    name: "synod.kv.v1.KeyValue",
    version: 1,
    codec,
    methods: {
      Put: {
        kind: "command",
        validate: putProblem,
        execute(tx, { key, value }, { revision }) {
          tx.put(Buffer.from(key), encodeStored(revision, value));
          return { revision: String(revision) };
        },
      },
      Get: { kind: "query", validate: ({ key }) => keyProblem(key), execute: get },
      Delete: { kind: "command", validate: ({ key }) => keyProblem(key), execute: remove },
      Range: { kind: "query", validate: rangeProblem, execute: range },
      CompareAndSet: { kind: "command", validate: compareAndSetProblem, execute: compareAndSet },
      Append: { kind: "command", validate: putProblem, execute: append },
    },
  });
}
