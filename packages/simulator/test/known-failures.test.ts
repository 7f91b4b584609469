// Promises that are known to be broken. Each turns red here once it is kept, and then belongs among the other worlds.
import { expect, it } from "vitest";
import { simulate } from "../src/index.js";
import { timeout } from "./kept.js";

it.fails("over links of 50 kB/s everything waiting finishes: retries of what has not left yet fill them", {
  timeout,
}, async () => {
  const overrides = { streams: true, spareAcceptors: 0, reconfigure: 0, bandwidth: 1_000, calmTicks: 3_000 };
  const { failure } = await simulate({ seed: 88, overrides });
  expect(failure).toBeUndefined();
});
