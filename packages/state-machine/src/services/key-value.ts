import { replicatedService } from "../definition/replicated-service.js";
import { Status } from "../definition/status.js";
import type { ReadTransaction, Transaction } from "../definition/table.js";
import type { Read } from "../gen/types.js";
import { builtInDescriptors } from "./descriptors.js";
import {
  compareAndSetProblem,
  continuationAfter,
  keyOfContinuation,
  keyProblem,
  keyValueLimits,
  putProblem,
  rangeProblem,
} from "./key-value-request.js";

const keyValue = replicatedService({
  descriptors: builtInDescriptors,
  service: "synod.kv.v1.KeyValue",
});
/** A row's message leaves the key out: it is the row's own. */
const entries = keyValue.table("entries", ["string"], "synod.kv.v1.Entry");

const noValue = new Uint8Array(0);
/** As a number: revisions count commands, so they fit, and they are quicker to encode than text. */
function revisionOf({ revision }: { readonly revision: bigint | string }): number {
  return Number(revision);
}

/** The bytes that an entry adds to a page besides key and value. */
const entryOverheadBytes = 40;

function range(
  tx: ReadTransaction,
  { prefix, limit: wanted, continuation }: Read<"synod.kv.v1.RangeRequest">,
) {
  const { maxPageEntries, maxPageBytes } = keyValueLimits;
  const limit = wanted === 0 ? maxPageEntries : wanted;
  const last = continuation === "" ? undefined : keyOfContinuation(continuation, prefix);
  const page: { key: string; value: Uint8Array; revision: number }[] = [];
  let bytes = 0;
  let lastKey = "";
  const rows = tx.range(entries, {
    beginsWith: prefix,
    limit: limit + 1,
    ...(last === undefined ? undefined : { after: [last] }),
  });
  for (const [[key], { value, ...row }] of rows) {
    bytes += Buffer.byteLength(key) + value.length + entryOverheadBytes;
    if (page.length === limit || (page.length > 0 && bytes > maxPageBytes))
      return { entries: page, continuation: continuationAfter(lastKey) };
    page.push({ key, value, revision: revisionOf(row) });
    lastKey = key;
  }
  return { entries: page, continuation: "" };
}

function holds(
  tx: ReadTransaction,
  { key, value, absent, revision }: Read<"synod.kv.v1.Condition">,
): boolean {
  const stored = tx.get(entries, key);
  if (value !== undefined) return stored !== undefined && Buffer.compare(stored.value, value) === 0;
  if (absent !== undefined) return absent === (stored === undefined);
  return revision === (stored?.revision ?? "0");
}

function compareAndSet(
  tx: Transaction,
  { conditions, writes }: Read<"synod.kv.v1.CompareAndSetRequest">,
  context: { readonly revision: bigint },
) {
  const failedKeys = new Set<string>();
  for (const condition of conditions) if (!holds(tx, condition)) failedKeys.add(condition.key);
  if (failedKeys.size > 0) return { succeeded: false, failedKeys: [...failedKeys], revision: 0 };
  const revision = revisionOf(context);
  for (const { key, put } of writes) {
    if (put === undefined) tx.delete(entries, key);
    else tx.put(entries, [key], { value: put, revision });
  }
  return { succeeded: true, failedKeys: [], revision: writes.length === 0 ? 0 : revision };
}

/** `synod.kv.v1.KeyValue`: an ordered store of bytes by text. */
export const keyValueService = keyValue.define({
  version: 1,
  errors: { TooLong: { code: Status.failedPrecondition } },
  commands: {
    Put(tx, { key, value }, context) {
      const revision = revisionOf(context);
      tx.put(entries, [key], { value, revision });
      return { revision };
    },
    Delete(tx, { key }) {
      const deleted = tx.get(entries, key) !== undefined;
      if (deleted) tx.delete(entries, key);
      return { deleted };
    },
    CompareAndSet: compareAndSet,
    Append(tx, { key, value }, context) {
      const before = tx.get(entries, key)?.value ?? noValue;
      const length = before.length + value.length;
      const { maxValueBytes } = keyValueLimits;
      if (length > maxValueBytes)
        context.fail(
          "TooLong",
          `value: expected at most ${maxValueBytes} bytes, would be ${length}; nothing was appended`,
        );
      const revision = revisionOf(context);
      tx.put(entries, [key], { value: Buffer.concat([before, value]), revision });
      return { length };
    },
  },
  queries: {
    Get(tx, { key }) {
      const stored = tx.get(entries, key);
      if (stored === undefined) return { found: false, value: noValue, revision: 0 };
      return { found: true, value: stored.value, revision: revisionOf(stored) };
    },
    Range: range,
  },
  validate: {
    Put: putProblem,
    Get: ({ key }) => keyProblem(key),
    Delete: ({ key }) => keyProblem(key),
    Range: rangeProblem,
    CompareAndSet: compareAndSetProblem,
    Append: putProblem,
  },
});
