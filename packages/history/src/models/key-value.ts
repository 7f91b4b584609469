import type { Model, Step } from "../model.js";
import type { Message, Operation, Outcome } from "../operation.js";
import {
  answerOf,
  higher,
  type Learned,
  learn,
  learnedText,
  listOf,
  lowestOf,
  textOf,
  wholeOf,
} from "./fields.js";

/** What a key holds; `value` undefined: nothing. The revision is that of the last write, also of one that deleted. */
interface Entry {
  readonly value: string | undefined;
  readonly revision: Learned;
}

/** In no order: keys that were never written have no entry. */
type Store = ReadonlyMap<string, Entry>;

const never: Entry = { value: undefined, revision: { known: true, number: 0n } };
const maxValueBytes = 512 << 10;
const maxPageEntries = 1000;

/**
 * `synod.kv.v1.KeyValue`. Revisions count the commands of the whole cluster, so a key's own history says only that they
 * grow; clients learn them from answers. Histories that leave revisions out are judged without.
 */
export const keyValueModel: Model<Store> = {
  initial: new Map(),
  text: (store) =>
    [...store]
      .map(([key, { value, revision }]) => JSON.stringify([key, value ?? null, learnedText(revision)]))
      .sort()
      .join(),
  step(store, operation) {
    const act = methods[operation.method];
    if (act === undefined)
      throw new TypeError(`expected ${Object.keys(methods).join(", ")}, found ${operation.method}`);
    return act(store, operation);
  },
  keys({ method, request }) {
    if (method === "Range") return undefined;
    if (method !== "CompareAndSet") return [textOf(request.key)];
    return [...listOf(request.conditions), ...listOf(request.writes)].map(({ key }) => textOf(key));
  },
  place(operation) {
    // Of a read, the revision is that of a write before it.
    if (operation.method === "Get") return undefined;
    const revision = Number(answerOf(operation)?.revision ?? 0);
    return revision === 0 ? undefined : revision;
  },
  readsOnly(operation) {
    const { method, request, result } = operation;
    if (method === "Get" || method === "Range") return true;
    if (result === undefined) return false;
    const answer = answerOf(operation);
    if (answer === undefined) return true;
    if (method === "Delete") return answer.deleted !== true;
    return method === "CompareAndSet" && (answer.succeeded !== true || listOf(request.writes).length === 0);
  },
};

const methods: Record<string, (store: Store, operation: Operation) => Step<Store>> = {
  Put(store, operation) {
    const { key, value } = operation.request;
    return written(store, [[textOf(key), textOf(value)]], operation, {});
  },
  Append(store, operation) {
    const key = textOf(operation.request.key);
    const bytes = Buffer.concat(
      [entryOf(store, key).value, operation.request.value].map((part) => Buffer.from(textOf(part), "base64")),
    );
    if (bytes.length > maxValueBytes) return { state: store, outcome: { error: "FAILED_PRECONDITION" } };
    const { state } = written(store, [[key, bytes.toString("base64")]], operation, {});
    return { state, outcome: { answer: { length: bytes.length } } };
  },
  Delete(store, { request }) {
    const key = textOf(request.key);
    const before = entryOf(store, key);
    const deleted = before.value !== undefined;
    const state = deleted ? withEntry(store, key, { ...before, value: undefined }) : store;
    return { state, outcome: { answer: { deleted } } };
  },
  CompareAndSet: compareAndSet,
  Get(store, operation) {
    const key = textOf(operation.request.key);
    const entry = entryOf(store, key);
    if (entry.value === undefined) return { state: store, outcome: { answer: { found: false } } };
    const told = answerOf(operation)?.revision;
    const { state, revision } = read(store, key, told);
    return { state, outcome: { answer: { found: true, value: entry.value, revision } } };
  },
  Range: range,
};

function compareAndSet(store: Store, operation: Operation): Step<Store> {
  const { request } = operation;
  const told = answerOf(operation);
  const toldFailed = (told?.failedKeys ?? []) as readonly string[];
  const failedKeys = new Set<string>();
  let state = store;
  for (const condition of listOf(request.conditions)) {
    const key = textOf(condition.key);
    const held = hold(state, condition, key, toldFailed.includes(key));
    if (held === undefined) failedKeys.add(key);
    else state = held;
  }
  if (failedKeys.size > 0) {
    // Their order says nothing.
    const keys = sameKeys(told?.failedKeys, failedKeys) ? told?.failedKeys : [...failedKeys];
    // Who was told which conditions failed knows that the others held.
    const learned = told === undefined ? store : state;
    return { state: learned, outcome: { answer: { succeeded: false, failedKeys: keys } } };
  }
  const writes = listOf(request.writes).map(
    (write): Write => [textOf(write.key), write.delete === true ? undefined : textOf(write.put)],
  );
  if (writes.length === 0) return { state, outcome: { answer: { succeeded: true } } };
  return written(state, writes, operation, { succeeded: true });
}

/**
 * The store if the condition holds. Where nobody knows the key's revision, a condition on it turns out as the client was
 * told of that key.
 */
function hold(store: Store, condition: Message, key: string, toldFailed: boolean): Store | undefined {
  const { value, revision } = entryOf(store, key);
  if (condition.absent !== undefined) return condition.absent === (value === undefined) ? store : undefined;
  if (condition.value !== undefined) return condition.value === value ? store : undefined;
  if (value === undefined) return wholeOf(condition.revision) === 0n ? store : undefined;
  if (!revision.known && toldFailed) return undefined;
  const learned = learn(revision, condition.revision);
  return learned === undefined ? undefined : withEntry(store, key, { value, revision: learned });
}

function range(store: Store, operation: Operation): Step<Store> {
  const { prefix, limit, continuation } = operation.request;
  const told = answerOf(operation);
  const toldEntries = listOf(told?.entries);
  const after = Buffer.from(textOf(continuation), "base64url").toString();
  // What a page is cut to by bytes is taken as told; where it ends early, it must say so.
  const all = [...store]
    .filter(([key, { value }]) => value !== undefined && key.startsWith(textOf(prefix)))
    .map(([key]) => key)
    .filter((key) => textOf(continuation) === "" || Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0)
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const most = Number(limit ?? 0) === 0 ? maxPageEntries : Number(limit);
  const cut = textOf(told?.continuation) === "" ? most : Math.min(most, Math.max(1, toldEntries.length));
  let state = store;
  const entries = all.slice(0, cut).map((key, index) => {
    const found = read(state, key, toldEntries[index]?.revision);
    state = found.state;
    return { key, value: entryOf(store, key).value, revision: found.revision };
  });
  const last = entries.at(-1);
  const more = all.length > entries.length && last !== undefined;
  const next = more ? Buffer.from(last.key).toString("base64url") : "";
  return { state, outcome: { answer: { entries, continuation: next } } };
}

type Write = readonly [key: string, value: string | undefined];

/** Writes under one new revision, which must be above all that were seen before. */
function written(store: Store, writes: readonly Write[], operation: Operation, answer: Message): Step<Store> {
  let above = 0n;
  for (const { revision } of store.values()) above = higher(above, lowestOf(revision));
  const unknown: Learned = { known: false, above };
  const told = answerOf(operation)?.revision;
  const learned = told === undefined ? unknown : learn(unknown, told);
  let state = store;
  for (const [key, value] of writes) state = withEntry(state, key, { value, revision: learned ?? unknown });
  const outcome: Outcome = { answer: { ...answer, revision: learned ? told : learnedText(unknown) } };
  return { state, outcome: told === undefined ? { answer } : outcome };
}

/** A key's revision as a client was told it, if it can be that, and the store in which that is known from now on. */
function read(store: Store, key: string, told: unknown): { state: Store; revision: unknown } {
  if (told === undefined) return { state: store, revision: undefined };
  const { value, revision } = entryOf(store, key);
  const learned = learn(revision, told);
  if (learned === undefined) return { state: store, revision: learnedText(revision) };
  return {
    state: revision.known ? store : withEntry(store, key, { value, revision: learned }),
    revision: told,
  };
}

function entryOf(store: Store, key: string): Entry {
  return store.get(key) ?? never;
}

function withEntry(store: Store, key: string, entry: Entry): Store {
  return new Map(store).set(key, entry);
}

function sameKeys(told: unknown, keys: ReadonlySet<string>): boolean {
  const list = (told ?? []) as readonly string[];
  return list.length === keys.size && list.every((key) => keys.has(key));
}
