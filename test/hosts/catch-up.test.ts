import { maxOpenSnapshots } from "@synod/storage";
import {
  type AcceptorRoleStatus,
  type ReplicaRoleStatus,
  replicaService,
  type SnapshotPage,
} from "@synod/wire";
import { afterEach, describe, expect, test, vi } from "vitest";
import { TestCluster } from "./test-cluster.js";

let cluster: TestCluster;

afterEach(async () => {
  await cluster.stop();
  expect(cluster.fatal).toEqual([]);
});

/** Leaders that forget soon, so that only other replicas can help. */
async function started(): Promise<void> {
  cluster = await TestCluster.make({ acceptors: 3, leaders: 2, replicas: 3 }, { maxKeptDecisions: 4 });
  await cluster.start();
  await cluster.ready();
}

const put = (replica: string, key: string, value: string) =>
  cluster.call(replica, "synod.kv.v1.KeyValue/Put", { key, value: Buffer.from(value) });

async function get(replica: string, key: string): Promise<string> {
  const { response } = await cluster.call(replica, "synod.kv.v1.KeyValue/Get", { key });
  return Buffer.from(response.value as Uint8Array).toString();
}

const replicaState = (id: string) => cluster.host(id).status().state as ReplicaRoleStatus;
const acceptorState = (id: string) => cluster.host(id).status().state as AcceptorRoleStatus;

/** All that was decided so far is on the disks of a majority, and forgotten by the acceptors. */
async function trimmed(): Promise<void> {
  await put("r1", "last", "of all");
  const { slotOut } = replicaState("r1");
  await vi.waitFor(() => {
    for (const id of ["a1", "a2", "a3"])
      expect(acceptorState(id).trimmedBelow).toBeGreaterThanOrEqual(slotOut - 4);
  });
}

describe("trimming (rule 18)", () => {
  test("acceptors forget what a majority of the replicas has on disk, and all goes on", async () => {
    await started();
    for (let number = 0; number < 20; number++) await put("r1", `k${number}`, `v${number}`);
    await trimmed();
    await cluster.stop("r1", "l1", "a1");
    await cluster.start("r1", "l1", "a1");
    await cluster.ready();
    expect(await get("r1", "k7")).toBe("v7");
    await put("r2", "k7", "again");
    expect(await get("r3", "k7")).toBe("again");
  });

  test("waits for a majority: with two replicas gone nothing is forgotten", async () => {
    await started();
    await cluster.stop("r2", "r3");
    for (let number = 0; number < 5; number++) await put("r1", `k${number}`, "v");
    const { durableSlot } = replicaState("r1");
    await vi.waitFor(() => expect(replicaState("r1").durableSlot).toBeGreaterThan(durableSlot));
    expect(acceptorState("a1").trimmedBelow).toBeLessThan(durableSlot);
    expect(replicaState("r1").trimPoint).toBeLessThan(durableSlot);
    await cluster.start("r2");
    await cluster.ready();
    await trimmed();
  });
});

describe("a replica below the trim point (rule 19)", () => {
  test("that lost its disk takes the state from another, and the others go on meanwhile", async () => {
    await started();
    for (let number = 0; number < 50; number++) await put("r1", `k${number}`, `v${number}`);
    await cluster.stop("r3");
    cluster.loseDisk("r3");
    await put("r1", "k0", "newer");
    await trimmed();
    cluster.forgetLog("r1", "r2");
    await cluster.start("r3");
    await put("r2", "k1", "newest");
    await cluster.ready();
    expect(cluster.logged.some(({ text }) => text.startsWith("the state is that of"))).toBe(true);
    expect(await get("r3", "k0")).toBe("newer");
    expect(await get("r3", "k1")).toBe("newest");
    expect(await get("r3", "k49")).toBe("v49");
    await put("r3", "k2", "by r3");
    expect(await get("r1", "k2")).toBe("by r3");
    // r1's session is from before the snapshot: a replica that did not get it would answer otherwise, and stop (rule 27).
    await put("r1", "k3", "by r1");
    expect(await get("r3", "k3")).toBe("by r1");
    await vi.waitFor(() => expect(replicaState("r3").hash).toBe(replicaState("r1").hash));
  });

  test("that was away takes what it lacks from another's log, if that reaches back far enough", async () => {
    await started();
    await put("r1", "k", "before");
    await vi.waitFor(async () => expect(replicaState("r3").durableSlot).toBeGreaterThan(2));
    await cluster.stop("r3");
    for (let number = 0; number < 30; number++) await put("r1", `k${number}`, `v${number}`);
    await trimmed();
    await cluster.stop("r1", "r2");
    await cluster.start("r3");
    // With nobody there to help it, it says why it cannot answer.
    await vi.waitFor(() => expect(cluster.host("r3").status().problem).toContain("slots below"));
    const read = cluster.call("r3", "synod.kv.v1.KeyValue/Get", { key: "k29" }, { deadlineMs: 1_000 });
    await expect(read).rejects.toThrow(/not executed here.*slots below what acceptors keep/);
    await cluster.start("r1", "r2");
    await cluster.ready();
    expect(await get("r3", "k29")).toBe("v29");
    expect(cluster.logged.some(({ text }) => text.startsWith("catching up from"))).toBe(true);
    expect(cluster.logged.some(({ text }) => text.startsWith("the state is that of"))).toBe(false);
  });

  test("comes back beside another one that lost its disk: neither waits for the other to confirm the state (rule 27)", async () => {
    await started();
    await put("r1", "k0", "old");
    await vi.waitFor(() => expect(replicaState("r2").durableSlot).toBeGreaterThan(2));
    await cluster.stop("r2");
    for (let number = 0; number < 20; number++) await put("r1", `k${number}`, `v${number}`);
    await trimmed();
    await cluster.stop("r3");
    cluster.loseDisk("r3");
    // Of what follows only r1 can have reported.
    await put("r1", "k1", "alone");
    cluster.forgetLog("r1");
    await cluster.start("r2", "r3");
    await cluster.ready();
    const installed = cluster.logged.filter(({ text }) => text.startsWith("the state is that of r1"));
    expect(installed).toHaveLength(2);
    for (const id of ["r2", "r3"]) {
      expect(await get(id, "k1")).toBe("alone");
      expect(await get(id, "k19")).toBe("v19");
    }
  });

  test("counts for the trim point again once its new store has reported", async () => {
    await started();
    for (let number = 0; number < 20; number++) await put("r1", `k${number}`, "v");
    await trimmed();
    await cluster.stop("r3");
    cluster.loseDisk("r3");
    await cluster.start("r3");
    await cluster.ready();
    await cluster.stop("r2");
    const { trimPoint } = replicaState("r1");
    await put("r1", "k", "v");
    await vi.waitFor(() => expect(replicaState("r1").trimPoint).toBeGreaterThan(trimPoint));
  });
});

describe("the state of a replica", () => {
  test("is given as often as it is asked for, though each snapshot is kept for a while to be gone on with", async () => {
    cluster = await TestCluster.make({ acceptors: 1, leaders: 1, replicas: 1 });
    await cluster.start();
    await cluster.ready();
    const { path, requestSerialize, responseDeserialize } = replicaService.Snapshot;
    const slots: number[] = [];
    for (let number = 0; number < maxOpenSnapshots + 2; number++) {
      await put("r1", "k", `v${number}`);
      const request = { clusterId: "", above: 0, resume: undefined, member: "" };
      const client = cluster.client("r1");
      const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
      for await (const page of call as AsyncIterable<SnapshotPage>) if (page.last) slots.push(page.slot);
    }
    expect(slots).toHaveLength(maxOpenSnapshots + 2);
    expect(slots).toEqual([...new Set(slots)].sort((a, b) => a - b));
  });
});
