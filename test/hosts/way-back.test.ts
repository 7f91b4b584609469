// Rule 33 on hosts: replicas that stopped before a slot have a remedy decided, find it, go back and go on.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { calculatorService, keyValueService } from "@synod/state-machine";
import { callUnary, type ReplicaRoleStatus, replicaService } from "@synod/wire";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { TestCluster } from "./test-cluster.js";

const waiting = { interval: 50 };
const calculator = "synod.calculator.v1.Calculator";
const kv = "synod.kv.v1.KeyValue";
const replicas = ["r1", "r2"];

let cluster: TestCluster;
let directory: string;

beforeEach(async () => {
  directory = mkdtempSync(path.join(tmpdir(), "synod-way-back-"));
  cluster = await TestCluster.make({ acceptors: 1, leaders: 1, replicas: 2 });
  for (const id of replicas) cluster.markers.set(id, mkdtempSync(path.join(directory, id)));
  await cluster.start();
  await cluster.ready();
});

afterEach(async () => {
  await cluster.stop();
  rmSync(directory, { recursive: true });
  expect(cluster.fatal).toEqual([]);
});

function stateOf(id: string): ReplicaRoleStatus {
  return cluster.host(id).status().state as ReplicaRoleStatus;
}

async function restart(services: Parameters<typeof cluster.services.set>[1]): Promise<void> {
  await cluster.stop(...replicas);
  for (const id of replicas) cluster.services.set(id, services);
  await cluster.start(...replicas);
}

const hold = (id: string, slot: number, number = 1) =>
  callUnary(cluster.client(id), replicaService.HoldSlot, { slot, number });
const decide = (id: string, slot: number, retire: readonly string[] = []) =>
  callUnary(cluster.client(id), replicaService.DecideRemedy, { slot, number: 1, retire });

async function add(replica: string): Promise<unknown> {
  return (await cluster.call(replica, `${calculator}/Add`, { operand: "1" })).response.value;
}

test("a service that no build offers any more is retired while every replica is stopped, and comes back with its rows", async () => {
  expect(await add("r1")).toBe("1");
  await restart([keyValueService]);
  await vi.waitFor(() => {
    for (const id of replicas) expect(stateOf(id).halt?.kind).toBe("lacking");
  }, waiting);
  expect(cluster.host("r1").serving).toBe(false);
  await expect(cluster.call("r1", `${kv}/Get`, { key: "k" }, { deadlineMs: 5_000 })).rejects.toThrow(
    /retire/,
  );
  // Stopping at another slot each would need a snapshot: here both have executed the same.
  await vi.waitFor(() => expect(stateOf("r1").slotOut).toBe(stateOf("r2").slotOut), waiting);
  const { slot } = stateOf("r1").halt as { slot: number };
  await expect(decide("r1", slot, [calculator])).rejects.toThrow(/promised/);
  for (const id of replicas) expect(await hold(id, slot)).toMatchObject({ held: true });
  const decided = await decide("r1", slot, [calculator]);
  expect(decided.slot).toBeGreaterThan(slot);
  await cluster.ready();
  await cluster.call("r2", `${kv}/Put`, { key: "k", value: Buffer.from("v") });
  await restart([keyValueService, calculatorService]);
  await cluster.ready();
  await expect(add("r1")).rejects.toThrow(/taken out of use/);
  await vi.waitFor(
    () => callUnary(cluster.client("r1"), replicaService.SwitchVersion, { service: calculator, version: 1 }),
    waiting,
  );
  await vi.waitFor(async () => expect(await add("r2")).toBe("2"), waiting);
  await vi.waitFor(() => expect(stateOf("r1").hash).toBe(stateOf("r2").hash), waiting);
});

test("a replica that promised to wait does so through a restart, and goes on when that is taken back", async () => {
  expect(await add("r1")).toBe("1");
  const slot = Math.max(...replicas.map((id) => stateOf(id).slotOut));
  for (const id of replicas) expect(await hold(id, slot)).toMatchObject({ held: true });
  await restart([keyValueService, calculatorService]);
  await vi.waitFor(() => {
    for (const id of replicas) expect(stateOf(id).halt).toMatchObject({ kind: "held", slot });
  }, waiting);
  await decide("r2", slot);
  await cluster.ready();
  expect(await add("r1")).toBe("2");
  await vi.waitFor(() => expect(stateOf("r1").hash).toBe(stateOf("r2").hash), waiting);
});
