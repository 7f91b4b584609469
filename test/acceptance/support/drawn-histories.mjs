// Histories drawn from a seed: what clients of a right service would have seen, and, in some, one answer that is wrong.
import { builtInModels, outcomeText } from "@synod/history";
import { pick } from "./flags.mjs";
import { bytes, calculator, call, keyValue, lock } from "./history-calls.mjs";

/** @typedef {import("@synod/history").Operation} Operation @typedef {import("@synod/history").Outcome} Outcome */
/** @typedef {() => number} Draw */
/** @typedef {{ service: string, method: string, request: Record<string, unknown> }} Call */

/** @type {Record<string, (draw: Draw) => Omit<Call, "service">>} */
const calls = {
  [keyValue](draw) {
    const key = pick(draw, ["a", "a", "b"]);
    const [value, other] = [bytes(pick(draw, ["1", "2"])), bytes(pick(draw, ["1", "2", "3"]))];
    return pick(draw, [
      { method: "Put", request: { key, value } },
      { method: "Get", request: { key } },
      { method: "Get", request: { key } },
      { method: "Delete", request: { key } },
      { method: "Append", request: { key, value } },
      { method: "Range", request: {} },
      {
        method: "CompareAndSet",
        request: { conditions: [{ key, value: other }], writes: [{ key, put: value }] },
      },
    ]);
  },
  [calculator](draw) {
    const operand = pick(draw, ["1", "1", "2", "-1"]);
    return pick(draw, [
      { method: "Add", request: { operand } },
      { method: "Multiply", request: { operand } },
      { method: "Value", request: {} },
    ]);
  },
  [lock](draw) {
    const owner = pick(draw, ["x", "y", "z"]);
    return pick(draw, [
      { method: "Acquire", request: { name: "l", owner, ttlMs: "2000", wait: draw() < 0.7 } },
      { method: "Release", request: { name: "l", fencingToken: pick(draw, ["1", "2", "3"]) } },
      { method: "Get", request: { name: "l" } },
    ]);
  },
};

/** Up to eight operations of one service. @param {Draw} draw */
export function smallHistory(draw) {
  const service = pick(draw, [keyValue, keyValue, calculator, lock]);
  const begun = Array.from({ length: 2 + Math.floor(draw() * 7) }, () => {
    const invoked = Math.floor(draw() * 16);
    return { service, invoked, returned: invoked + 1 + Math.floor(draw() * 6), ...drawCall(service, draw) };
  });
  const right = executed(service, begun, draw, { unanswered: 0.18 });
  const once = draw() < 0.9 ? withAnotherAnswer(right, draw) : right;
  return { service, operations: draw() < 0.5 ? withAnotherAnswer(once, draw) : once };
}

/** @param {string} service @param {Draw} draw */
function drawCall(service, draw) {
  const make = calls[service];
  if (!make) throw new Error(`no calls of ${service}`);
  return make(draw);
}

/**
 * What clients see when each call takes effect at some moment between its two times.
 * @param {string} service
 * @param {(Call & { invoked: number, returned: number })[]} begun
 * @param {Draw} draw @param {{ unanswered: number, revisions?: boolean }} options `unanswered`: the chance of no answer;
 *   half of those calls take no effect either. `revisions`: writes are told theirs
 */
export function executed(service, begun, draw, { unanswered, revisions = false }) {
  const model = builtInModels[service];
  if (!model) throw new Error(`no model of ${service}`);
  let state = model.initial;
  let revision = 0;
  const moments = begun.map((one) => {
    const lost = draw() < unanswered;
    // Without an answer it may take effect long after.
    const at = one.invoked + draw() * (one.returned - one.invoked) * (lost ? 4 : 1);
    return { one, lost, at };
  });
  return moments
    .sort((a, b) => a.at - b.at)
    .map(({ one, lost }) => {
      const { method, request, invoked, returned } = one;
      if (lost && draw() < 0.5) return call(service, method, request, invoked, undefined, { answer: {} });
      // Tokens and revisions are the only numbers that the service must choose.
      const number = String(++revision);
      const told = {
        answer: service === lock ? { fencingToken: number } : revisions ? { revision: number } : {},
      };
      const asked = call(service, method, request, invoked, returned, told);
      const first = model.step(state, asked);
      const outcome = service === lock ? learnt(first.outcome, revision) : first.outcome;
      state = model.step(state, call(service, method, request, invoked, returned, outcome)).state;
      return call(service, method, request, invoked, lost ? undefined : returned, outcome);
    });
}

/**
 * The model says of a number that it may be any above another one.
 * @param {import("@synod/history").Outcome} outcome @param {number} token
 */
function learnt(outcome, token) {
  if ("error" in outcome) return outcome;
  const { fencingToken } = outcome.answer;
  const open = typeof fencingToken === "string" && fencingToken.startsWith("above");
  return open ? { answer: { ...outcome.answer, fencingToken: String(token) } } : outcome;
}

/** One call is told what another one of its method was, or would have been. @param {Operation[]} operations @param {Draw} draw */
function withAnotherAnswer(operations, draw) {
  const wrong = operations.flatMap((one) =>
    operations
      .map((other) => ({ one, outcome: other.result?.outcome }))
      .filter(({ one, outcome }) => one.result && outcome && isAnother(one.result.outcome, outcome)),
  );
  if (wrong.length === 0) return operations;
  const { one, outcome } = pick(draw, wrong);
  return operations.map((each) =>
    each === one && each.result && outcome ? { ...each, result: { ...each.result, outcome } } : each,
  );
}

/** Fields of the same names, and another value in one. @param {Outcome} right @param {Outcome} wrong */
function isAnother(right, wrong) {
  if (!("answer" in right && "answer" in wrong)) return false;
  const fields = (/** @type {object} */ message) => Object.keys(message).sort().join();
  return fields(right.answer) === fields(wrong.answer) && outcomeText(right) !== outcomeText(wrong);
}

/**
 * Many operations, with so many outstanding all the time, over some keys.
 * @param {Draw} draw @param {{ operations: number, outstanding: number, keys: number, revisions?: boolean }} size
 */
export function largeHistory(draw, { operations, outstanding, keys, revisions = false }) {
  /** @type {number[]} */
  const freeAt = Array.from({ length: outstanding }, () => draw());
  const begun = Array.from({ length: operations }, (_, index) => {
    const client = freeAt.indexOf(Math.min(...freeAt));
    const invoked = freeAt[client] ?? 0;
    const returned = invoked + 0.5 + draw();
    freeAt[client] = returned + 0.001;
    const key = `key-${Math.floor(draw() * keys)}`;
    const value = bytes(`value-${index}`);
    const kind = draw();
    // One of those before it, which may be there still.
    const earlier = bytes(`value-${Math.max(0, index - Math.floor(draw() * 3 * keys))}`);
    const swap = { conditions: [{ key, value: earlier }], writes: [{ key, put: value }] };
    return {
      ...{ service: keyValue, invoked, returned },
      ...(kind < 0.45
        ? { method: "Get", request: { key } }
        : kind < 0.85
          ? { method: "Put", request: { key, value } }
          : { method: "CompareAndSet", request: swap }),
    };
  });
  return executed(keyValue, begun, draw, { unanswered: 0.03, revisions });
}

/**
 * The same with one read that is behind the times: it tells what the key held until a write that ended before it began.
 * @param {Operation[]} operations @param {Draw} draw
 */
export function withStaleRead(operations, draw) {
  const reads = operations.filter(({ method, result }) => method === "Get" && result !== undefined);
  const late = reads.filter(({ invoked }) => invoked > (operations.at(-1)?.invoked ?? 0) / 2);
  for (;;) {
    const read = pick(draw, late);
    const key = read.request.key;
    const before = reads.filter(
      (one) => one.request.key === key && (one.result?.returned ?? 0) < read.invoked - 10,
    );
    const outcome = before.at(-1)?.result?.outcome;
    if (!outcome || !read.result) continue;
    const result = { ...read.result, outcome };
    return { operations: operations.map((one) => (one === read ? { ...one, result } : one)), planted: read };
  }
}
