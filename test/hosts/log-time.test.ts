import * as grpc from "@grpc/grpc-js";
import { metadataKeys } from "@synod/wire";
import { afterEach, describe, expect, test, vi } from "vitest";
import { TestCluster } from "./test-cluster.js";

let cluster: TestCluster;

afterEach(async () => {
  await cluster.stop();
  expect(cluster.fatal).toEqual([]);
});

const lock = "synod.lock.v1.Lock";

async function started(): Promise<void> {
  cluster = await TestCluster.make({ acceptors: 3, leaders: 1, replicas: 3 });
  await cluster.start();
  await cluster.ready();
}

/** What a replica has applied; asking costs no slot. */
async function held(replica: string): Promise<unknown> {
  const metadata = { [metadataKeys.read]: "stale" };
  const { response } = await cluster.call(replica, `${lock}/Get`, { name: "l" }, { metadata });
  return response.held;
}

function appliedSlot(replica: string): number {
  const { state } = cluster.host(replica).status();
  return state.role === "replica" ? state.slotOut - 1 : 0;
}

/** Clocks that were in doubt at the start, more of them on a busy machine, have told each other what they know. */
async function quiet(): Promise<void> {
  let seen = -1;
  await vi.waitFor(
    () => {
      const before = seen;
      seen = appliedSlot("r1");
      expect(seen).toBe(before);
    },
    { interval: 500 },
  );
}

describe("log time in an idle cluster", () => {
  test("ends a lock when it is due, no earlier and hardly later, at the cost of few slots", async () => {
    await started();
    await quiet();
    const startedMs = performance.now();
    const request = { name: "l", owner: "a", ttlMs: "2000", wait: false };
    const { response } = await cluster.call("r1", `${lock}/Acquire`, request);
    expect(response.acquired).toBe(true);
    const before = appliedSlot("r1");
    await vi.waitFor(async () => expect(await held("r2")).toBe(false), { interval: 20 });
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(2000);
    // One that ends it, and what trimming asks for: a checkpoint and reports.
    expect(appliedSlot("r2") - before).toBeLessThan(14);
    await vi.waitFor(() => expect(appliedSlot("r1")).toBe(appliedSlot("r2")));
  });

  test("goes on when the replica that moved it is gone", async () => {
    await started();
    await cluster.call("r2", `${lock}/Acquire`, { name: "l", owner: "a", ttlMs: "2000", wait: false });
    await cluster.stop("r1");
    await vi.waitFor(async () => expect(await held("r3")).toBe(false), { interval: 20 });
  });
});

test("a declared error carries its detail in grpc-status-details-bin", async () => {
  await started();
  const failed = cluster.call("r1", `${lock}/Renew`, { name: "l", fencingToken: "7", ttlMs: "2000" });
  const error = await failed.then(
    () => expect.unreachable("nobody holds the lock"),
    (reason: grpc.ServiceError) => reason,
  );
  expect(error.code).toBe(grpc.status.FAILED_PRECONDITION);
  const [details] = error.metadata.get("grpc-status-details-bin");
  expect(Buffer.from(details as Buffer).toString("latin1")).toContain(
    "type.googleapis.com/synod.lock.v1.NotHeld",
  );
  expect(Number(error.metadata.get(metadataKeys.slot)[0])).toBeGreaterThan(0);
});
