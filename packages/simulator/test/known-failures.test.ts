// Promises that are known to be broken, and how. A test turns red once its promise is kept: then its world belongs among the others.
import { expect, it } from "vitest";
import { simulate } from "../src/index.js";

it("over links of 50 kB/s not everything waiting finishes: retries of what has not left yet fill them", async () => {
  const overrides = { streams: true, spareAcceptors: 0, reconfigure: 0, bandwidth: 1_000, calmTicks: 3_000 };
  const { failure } = await simulate({ seed: 88, overrides });
  expect(failure).toMatch(/ticks after the last fault .* still waits for /);
});
