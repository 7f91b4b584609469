import { expect, it } from "vitest";
import { check, historyLine, readHistory } from "../src/index.js";

const call = { client: "c1", service: "synod.kv.v1.KeyValue", method: "Get", request: { key: "a" } };
const line = (...fields: object[]) => JSON.stringify(Object.assign({ ...call, invoked: 1 }, ...fields));

it("reads what it writes", () => {
  const lines = [
    line({ returned: 2, answer: { found: false } }),
    line({ returned: 2.5, error: "FAILED_PRECONDITION" }),
    line(),
  ];
  expect(readHistory(`${lines.join("\n")}\n`).map(historyLine)).toEqual(lines);
});

it("leaves out calls that surely took no effect, and empty lines", () => {
  expect(readHistory(`\n${line({ failed: "refused" })}\n\n`)).toEqual([]);
});

it("takes fields with default values for said, however numbers are written", () => {
  const put = { ...call, method: "Put", request: { key: "a", value: "" }, invoked: 0, returned: 1 };
  const text = [
    JSON.stringify({ ...put, answer: { revision: 3 } }),
    line({ invoked: 2, returned: 3, answer: { found: true, revision: "3" } }),
  ].join("\n");
  expect(check(readHistory(text)).verdict).toBe("linearizable");
});

it.each([
  ["not JSON", "{", /^line 1: /],
  ["no object", "[]", /^line 1: expected an object/],
  ["no service", line({ service: 5 }), /service: expected a text/],
  ["no request", line({ request: "a" }), /request: expected a message/],
  ["no time", line({ invoked: "1" }), /invoked: expected a number/],
  ["an answer without a time", line({ answer: {} }), /returned: expected a number/],
  [
    "an answer before the call",
    line({ answer: {}, returned: 0 }),
    /expected an answer after 1, found one at 0/,
  ],
  ["an answer and an error", line({ answer: {}, error: "NOT_FOUND", returned: 3 }), /found both/],
])("names the line with %s", (_, text, message) => {
  expect(() => readHistory(text)).toThrow(message);
});
