// Promises that are known to be broken, and how. A test turns red once its promise is kept: then its world belongs among the others.
import { expect, it } from "vitest";
import { simulate } from "../src/index.js";
import { kept, only } from "./kept.js";

/** A replica loses its directory, and all but the newest slots are trimmed; a snapshot takes many pages. */
const transfer = {
  ...{ replicas: 3, star: false, streams: false, reconfigure: 0, spareAcceptors: 0, upgrades: false },
  ...{ keptLog: 2, reportHaste: 5, flush: 0.3, trimLoss: 0, deafAcceptor: false, plainCalls: 0 },
  ...{ faultyTicks: 400, calmTicks: 1_500, pageBytes: 128 },
  faults: only({ "lost directory of a replica": 10 }),
};

it("over links of 50 kB/s not everything waiting finishes: retries of what has not left yet fill them", async () => {
  const overrides = { streams: true, spareAcceptors: 0, reconfigure: 0, bandwidth: 1_000, calmTicks: 3_000 };
  const { failure } = await simulate({ seed: 88, overrides });
  expect(failure).toMatch(/ticks after the last fault .* still waits for /);
});

it("a transfer that is cut again and again never ends: each giver's begins anew once another has given", async () => {
  const { failure } = await simulate({ seed: 1, overrides: { ...transfer, interruptions: 0.3 } });
  expect(failure).toMatch(/still waits for \d+ proposals and \d+ commands at slot 1 /);
});

it("the same transfer ends when nothing cuts it", async () => {
  await kept({ seed: 1, overrides: transfer });
});
