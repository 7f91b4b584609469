import { status as Code } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import { goesAgain, statusRules } from "../src/status.js";

it("has one rule, with a reason, for every gRPC status", () => {
  const codes = Object.values(Code).filter((code) => typeof code === "number");
  expect(
    Object.keys(statusRules)
      .map(Number)
      .sort((a, b) => a - b),
  ).toEqual(codes.sort((a, b) => a - b));
  for (const rule of Object.values(statusRules)) expect(rule.why).toMatch(/^[A-Z].*\.$/);
});

it("never sends a command again under a session that is gone", () => {
  expect(goesAgain(Code.ABORTED)).toBe(false);
});
