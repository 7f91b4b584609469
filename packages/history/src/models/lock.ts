import type { Model, Step } from "../model.js";
import type { Message, Operation } from "../operation.js";
import { answerOf, higher, type Learned, learn, learnedText, lowestOf, textOf, wholeOf } from "./fields.js";

/** Who holds a lock or waits for it. */
interface Claim {
  readonly owner: string;
  readonly token: Learned;
  /** In log time; undefined until a client is told. */
  readonly expiresAtMs: bigint | undefined;
}

/** One lock: the holder first, then those in line. Free when nobody is there. */
interface Lock {
  readonly line: readonly Claim[];
  /** No token was or will be given at or below this one. */
  readonly tokensAbove: bigint;
}

const maxWaiters = 1000;
const notHeld = { error: "FAILED_PRECONDITION" };

/**
 * `synod.lock.v1.Lock`, each lock by itself. When a lock expires is left open: it may at any time. Tokens must grow, and
 * are expected back only from those who were told them.
 */
export const lockModel: Model<Lock> = {
  initial: { line: [], tokensAbove: 0n },
  text: ({ line, tokensAbove }) =>
    JSON.stringify([
      String(tokensAbove),
      ...line.map(({ owner, token, expiresAtMs }) => [owner, learnedText(token), String(expiresAtMs ?? "")]),
    ]),
  step(lock, operation) {
    const act = methods[operation.method];
    if (act === undefined)
      throw new TypeError(`expected ${Object.keys(methods).join(", ")}, found ${operation.method}`);
    return act(lock, operation);
  },
  keys: ({ request }) => [textOf(request.name)],
  readsOnly(operation) {
    const { method, result } = operation;
    if (method === "Get") return true;
    if (result === undefined) return false;
    const answer = answerOf(operation);
    if (answer === undefined) return true;
    if (method === "Release") return answer.released !== true;
    return method === "Acquire" && answer.acquired !== true && wholeOf(answer.fencingToken) === 0n;
  },
  byItself: (lock) => (lock.line.length === 0 ? [] : [withoutFirst(lock)]),
};

const methods: Record<string, (lock: Lock, operation: Operation) => Step<Lock>> = {
  Acquire(lock, operation) {
    const owner = textOf(operation.request.owner);
    const place = lock.line.findIndex((claim) => claim.owner === owner);
    const told = answerOf(operation);
    if (place >= 0) return again(lock, place, told);
    if (lock.line.length > 0 && operation.request.wait !== true)
      return { state: lock, outcome: { answer: { acquired: false } } };
    if (lock.line.length > maxWaiters) return { state: lock, outcome: { error: "RESOURCE_EXHAUSTED" } };
    return join(lock, owner, told);
  },
  Renew(lock, operation) {
    const [holder, ...waiting] = lock.line;
    if (holder === undefined || !hasToken(holder, operation)) return { state: lock, outcome: notHeld };
    const { expiresAtMs } = answerOf(operation) ?? {};
    const renewed = { ...holder, expiresAtMs: expiresAtMs === undefined ? undefined : wholeOf(expiresAtMs) };
    return { state: { ...lock, line: [renewed, ...waiting] }, outcome: { answer: { expiresAtMs } } };
  },
  Release(lock, operation) {
    const place = lock.line.findIndex((claim) => hasToken(claim, operation));
    const released = place >= 0;
    const line = place === 0 ? withoutFirst(lock).line : lock.line.filter((_, index) => index !== place);
    return { state: released ? { ...lock, line } : lock, outcome: { answer: { released } } };
  },
  Get(lock, operation) {
    const [holder, ...waiting] = lock.line;
    if (holder === undefined) return { state: lock, outcome: { answer: { held: false } } };
    const seen = look(holder, answerOf(operation));
    return {
      state: withClaim(lock, 0, seen.claim),
      outcome: {
        answer: {
          held: true,
          ...seen.answer,
          owner: holder.owner,
          waiting: waiting.map(({ owner }) => owner),
        },
      },
    };
  },
};

/** A new claim at the end of the line. */
function join(lock: Lock, owner: string, told: Message | undefined): Step<Lock> {
  const acquired = lock.line.length === 0;
  const token: Learned = { known: false, above: lock.tokensAbove };
  const seen = look({ owner, token, expiresAtMs: undefined }, told, acquired);
  return {
    state: { line: [...lock.line, seen.claim], tokensAbove: lowestOf(seen.claim.token) },
    outcome: { answer: { acquired, ...seen.answer, ahead: Math.max(0, lock.line.length - 1) } },
  };
}

/** The owner asks how it stands. */
function again(lock: Lock, place: number, told: Message | undefined): Step<Lock> {
  const acquired = place === 0;
  const seen = look(lock.line[place] as Claim, told, acquired);
  return {
    state: withClaim(lock, place, seen.claim),
    outcome: { answer: { acquired, ...seen.answer, ahead: Math.max(0, place - 1) } },
  };
}

/** Token and expiry as a client was told them, if they can be that. */
function look(claim: Claim, told: Message | undefined, holds = true): { claim: Claim; answer: Message } {
  if (told === undefined) return { claim, answer: {} };
  const token = learn(claim.token, told.fencingToken);
  const expiresAtMs = holds ? (claim.expiresAtMs ?? wholeOf(told.expiresAtMs)) : undefined;
  return {
    claim: { ...claim, token: token ?? claim.token, expiresAtMs },
    answer: {
      fencingToken: token ? told.fencingToken : learnedText(claim.token),
      ...(expiresAtMs === undefined ? {} : { expiresAtMs: String(expiresAtMs) }),
    },
  };
}

/** The next in line holds, with an expiry that nobody knows yet. */
function withoutFirst(lock: Lock): Lock {
  const [next, ...others] = lock.line.slice(1);
  return { ...lock, line: next === undefined ? [] : [{ ...next, expiresAtMs: undefined }, ...others] };
}

function withClaim(lock: Lock, place: number, claim: Claim): Lock {
  const tokensAbove = higher(lock.tokensAbove, lowestOf(claim.token));
  return { tokensAbove, line: lock.line.map((one, index) => (index === place ? claim : one)) };
}

function hasToken({ token }: Claim, { request }: Operation): boolean {
  return token.known && token.number === wholeOf(request.fencingToken);
}
