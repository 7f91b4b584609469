import { describe, expect, it } from "vitest";
import { check, type Message, type Operation, type Outcome, outcomeText, reportText } from "../src/index.js";

const service = "synod.kv.v1.KeyValue";
const call = (method: string, request: Message, invoked: number, returned?: number, answer: Message = {}) => {
  const outcome: Outcome = { answer };
  const result = returned === undefined ? undefined : { returned, outcome };
  return { client: "c", service, method, request, invoked, result } satisfies Operation;
};
const put = (key: string, value: string, invoked: number, returned?: number) =>
  call("Put", { key, value }, invoked, returned);
const get = (key: string, value: string, invoked: number, returned: number) =>
  call("Get", { key }, invoked, returned, { found: true, value });

describe("check", () => {
  it("shows of a violation what it takes, and no more", () => {
    const others = Array.from({ length: 100 }, (_, index) => [
      put("a", `w${index}`, 3 * index, 3 * index + 1),
      get("a", `w${index}`, 3 * index + 1.5, 3 * index + 2),
    ]).flat();
    const verdict = check([...others, put("b", "x", 5, 6), get("a", "w97", 400, 401)]);
    expect(verdict).toMatchObject({ verdict: "violation", partitions: 2, operations: 202 });
    const [violation] = verdict.violations;
    expect(violation?.operations.map(({ method }) => method)).toEqual(["Put", "Put", "Get"]);
    // Written, overwritten, and read all the same.
    expect(violation?.operations[0]?.request.value).toBe("w97");
    expect(violation?.possible.map(outcomeText)).toEqual([
      outcomeText({ answer: { found: true, value: violation?.operations[1]?.request.value } }),
    ]);
    expect(reportText(verdict)).toContain(
      'no order explains these 3 operations of synod.kv.v1.KeyValue, key "a"',
    );
  });

  it("checks keys together that one call touches, and others apart", () => {
    const swap = call(
      "CompareAndSet",
      { conditions: [{ key: "a", absent: true }], writes: [{ key: "b", put: "x" }] },
      0,
      1,
      {
        succeeded: true,
      },
    );
    const verdict = check([swap, put("a", "1", 2, 3), put("b", "1", 2, 3), put("c", "1", 2, 3)]);
    expect(verdict).toMatchObject({ verdict: "linearizable", partitions: 2, largestPartition: 3 });
  });

  it("learns revisions from a comparison that failed, key by key", () => {
    const append = call("Append", { key: "b", value: "MQ==" }, 0, 1, { length: "1" });
    const conditions = [
      { key: "a", value: "MQ==" },
      { key: "b", revision: "3" },
    ];
    const compared = (...failedKeys: string[]) =>
      call("CompareAndSet", { conditions, writes: [] }, 2, 3, { succeeded: false, failedKeys });
    const read = (revision: string) =>
      call("Get", { key: "b" }, 4, 5, { found: true, value: "MQ==", revision });
    const verdictOf = (...operations: Operation[]) => check([append, ...operations]).verdict;
    expect(verdictOf(compared("a"), read("3"))).toBe("linearizable");
    expect(verdictOf(compared("a"), read("4"))).toBe("violation");
    expect(verdictOf(compared("a", "b"), read("4"))).toBe("linearizable");
    expect(verdictOf(compared("b"), read("4"))).toBe("violation");
  });

  it("gives up beyond its bounds, and says so", () => {
    const writes = Array.from({ length: 12 }, (_, index) => put("a", `${index}`, 0, 100));
    const verdict = check([...writes, get("a", "none", 1, 50)], { configurations: 1000 });
    expect(verdict.verdict).toBe("undecided");
    expect(verdict.undecided).toEqual([
      { service, keys: ["a"], operations: 13, why: "more than 1000 configurations" },
    ]);
    expect(reportText(verdict)).toContain('undecided: 13 operations of synod.kv.v1.KeyValue, key "a"');
  });

  it("is told by name of a service without a model", () => {
    const operation = { ...put("a", "1", 0, 1), service: "bank.v1.Ledger" };
    expect(() => check([operation])).toThrow("found the service bank.v1.Ledger");
  });

  it("takes models of other services", () => {
    const counter = {
      initial: 0,
      step: (state: number) => ({ state: state + 1, outcome: { answer: { count: state + 1 } } }),
      text: String,
      readsOnly: () => false,
    };
    const count = (at: number, answer: number): Operation => ({
      ...call("Count", {}, at, at + 1, { count: answer }),
      service: "counter.v1.Counter",
    });
    const models = { "counter.v1.Counter": counter };
    expect(check([count(0, 1), count(2, 2)], { models }).verdict).toBe("linearizable");
    expect(check([count(0, 1), count(2, 3)], { models }).verdict).toBe("violation");
  });
});
