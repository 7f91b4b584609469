import { loadServices } from "@synod/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { run } from "../src/testing/index.js";
import { countsService } from "./counts.js";

const ways = [
  ["in a realm", { loader: loadServices }],
  ["in the process's own", { loader: loadServices, sharedRealm: true }],
] as const;

const ofEveryObject = ["constructor", "toString", "valueOf", "hasOwnProperty", "__proto__", "then"];

describe.each(ways)("a row that is not there, read as an empty one %s,", (_, options) => {
  it("has no key that nobody put there, and takes every key", () => {
    const service = run(countsService, options);
    for (const name of ofEveryObject) {
      for (const amount of [1, 2]) {
        const before = amount === 1 ? 0 : 1;
        expect(service.call("Transfer", { from: name, to: name, amount })).toEqual({
          balance: String(before + amount),
        });
      }
      expect(service.call("Balance", { account: name })).toEqual({ balance: "5" });
    }
    expect(service.call("Balance", { account: "nobody" })).toEqual({ balance: "0" });
  });
});

it("whatever keys are given, an empty row counts what a Map does", () => {
  const service = run(countsService, { loader: loadServices });
  const name = fc.oneof(fc.constantFrom(...ofEveryObject), fc.string({ unit: "grapheme" }));
  const given = fc.record({ from: name, amount: fc.nat(9) });
  let receivers = 0;
  fc.assert(
    fc.property(fc.array(given, { minLength: 1, maxLength: 8 }), (transfers) => {
      const to = `receiver ${++receivers}`;
      const sums = new Map<string, number>();
      for (const { from, amount } of transfers) {
        const sum = (sums.get(from) ?? 0) + amount;
        sums.set(from, sum);
        expect(service.call("Transfer", { from, to, amount })).toEqual({ balance: String(sum) });
      }
      const total = [...sums.values()].reduce((before, sum) => before + sum, transfers.length);
      expect(service.call("Balance", { account: to })).toEqual({ balance: String(total) });
    }),
  );
});
