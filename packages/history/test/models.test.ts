// Whatever a built-in service answers, called alone, its model says as well.
import {
  calculatorService,
  keyValueService,
  lockService,
  type ReplicatedService,
  Status,
} from "@synod/state-machine";
import { CallFailed, run } from "@synod/state-machine/testing";
import { loadServices } from "@synod/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { builtInModels, check, jsonMessage, type Operation, type Outcome, reportText } from "../src/index.js";

interface Call {
  readonly method: string;
  readonly request: object;
}
/** Time passes before a call, so that locks expire. */
type Step = Call | { readonly idleMs: number };

const key = fc.constantFrom("a", "b", "ab");
const value = fc.constantFrom("1", "2", "").map((text) => Buffer.from(text));
const name = fc.constant("l");
const fencingToken = fc.integer({ min: 1, max: 12 }).map(String);
const calls: Record<string, fc.Arbitrary<Step>> = {
  "synod.kv.v1.KeyValue": fc.oneof(
    fc.record({ method: fc.constantFrom("Put", "Append"), request: fc.record({ key, value }) }),
    fc.record({ method: fc.constantFrom("Get", "Delete"), request: fc.record({ key }) }),
    fc.record({
      method: fc.constant("Range"),
      request: fc.record({ prefix: fc.constantFrom("", "a"), limit: fc.constantFrom(0, 1) }),
    }),
    fc.record({
      method: fc.constant("CompareAndSet"),
      request: fc.record({
        conditions: fc.array(
          fc.oneof(
            fc.record({ key, value }),
            fc.record({ key, absent: fc.boolean() }),
            fc.record({ key, revision: fc.constantFrom("0", "3") }),
          ),
          { minLength: 1, maxLength: 2 },
        ),
        writes: fc.array(
          fc.oneof(fc.record({ key, put: value }), fc.record({ key, delete: fc.constant(true) })),
          { maxLength: 2 },
        ),
      }),
    }),
  ),
  "synod.calculator.v1.Calculator": fc.oneof(
    fc.record({
      method: fc.constantFrom("Add", "Subtract", "Multiply"),
      request: fc.record({ operand: fc.constantFrom("2", "-3", "4611686018427387904") }),
    }),
    fc.constant({ method: "Value", request: {} }),
  ),
  "synod.lock.v1.Lock": fc.oneof(
    fc.record({
      method: fc.constant("Acquire"),
      request: fc.record({
        name,
        owner: fc.constantFrom("x", "y", "z"),
        ttlMs: fc.constant("2000"),
        wait: fc.boolean(),
      }),
    }),
    fc.record({ method: fc.constant("Release"), request: fc.record({ name, fencingToken }) }),
    fc.record({
      method: fc.constant("Renew"),
      request: fc.record({ name, fencingToken, ttlMs: fc.constant("2000") }),
    }),
    fc.constant({ method: "Get", request: { name: "l" } }),
    fc.record({ idleMs: fc.constantFrom(500, 3000) }),
  ),
};

const services = [keyValueService, calculatorService, lockService] as ReplicatedService<never>[];

describe.each(services.map((service) => ({ name: service.name, service })))("$name", ({ name, service }) => {
  it("answers as its model does", () => {
    fc.assert(
      fc.property(fc.array(calls[name] as fc.Arbitrary<Step>, { maxLength: 30 }), (steps) => {
        const verdict = check(historyOf(service, steps));
        expect(verdict.verdict, reportText(verdict)).toBe("linearizable");
      }),
      { numRuns: 100 },
    );
  });

  it("has a model that a wrong answer contradicts", () => {
    const model = builtInModels[name];
    const [steps] = fc.sample(fc.array(calls[name] as fc.Arbitrary<Step>, { minLength: 30 }), {
      numRuns: 1,
      seed: 1,
    });
    const history = historyOf(service, steps ?? []);
    const read = history.findLast(
      (one) => model?.readsOnly(one) && one.result && "answer" in one.result.outcome,
    );
    const wrong: Outcome = { answer: { nonsense: "1" } };
    const altered = history.map((one) =>
      one === read && one.result ? { ...one, result: { ...one.result, outcome: wrong } } : one,
    );
    expect(check(altered).verdict).toBe("violation");
  });
});

/** What a client alone would see. */
function historyOf(service: ReplicatedService<never>, steps: readonly Step[]): Operation[] {
  const running = run(service as ReplicatedService<Record<string, { request: object; response: object }>>, {
    loader: loadServices,
  });
  return steps.flatMap((step, index) => {
    if ("idleMs" in step) {
      running.idle(step.idleMs);
      return [];
    }
    const result = {
      returned: index + 0.5,
      outcome: outcomeOf(() => running.call(step.method, step.request)),
    };
    const request = jsonMessage(step.request);
    return [{ client: "c", service: service.name, method: step.method, request, invoked: index, result }];
  });
}

function outcomeOf(call: () => object): Outcome {
  try {
    return { answer: jsonMessage(call()) };
  } catch (error) {
    if (!(error instanceof CallFailed)) throw error;
    return { error: error.code === Status.outOfRange ? "OUT_OF_RANGE" : "FAILED_PRECONDITION" };
  }
}
