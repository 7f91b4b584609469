import * as grpc from "@grpc/grpc-js";
import {
  calculatorService,
  keyValueService,
  type ReplicatedService,
  replicatedService,
} from "@synod/state-machine";
import {
  callUnary,
  clusterService,
  type ReplicaRoleStatus,
  replicaService,
  type SnapshotPage,
} from "@synod/wire";
import { afterEach, describe, expect, test, vi } from "vitest";
import { TestCluster } from "./test-cluster.js";

const waiting = { interval: 50 };

const calculator = "synod.calculator.v1.Calculator";
const replicas = ["r1", "r2", "r3"];

let cluster: TestCluster;

afterEach(async () => {
  await cluster.stop();
  expect(cluster.fatal).toEqual([]);
});

interface Untyped {
  table(name: string, keys: readonly string[], message: string): object;
  define(definition: object): ReplicatedService;
}

/** A calculator whose Add adds 1 more from version 2 on, or as much more as is said. */
function build(oldestVersion: number, version: number, more = 0): ReplicatedService {
  // The calculator's generated types are not this package's.
  const untyped = replicatedService as (options: object) => Untyped;
  const builder = untyped({ descriptors: calculatorService.descriptors, service: calculator });
  const rows = builder.table("number", [], "synod.calculator.v1.ValueResponse");
  const numberIn = (tx: { get(table: typeof rows): unknown }) =>
    BigInt((tx.get(rows) as { value?: string } | undefined)?.value ?? 0);
  const add = (tx: never, { operand }: { operand: string }, context: { version: number }) => {
    const typed = tx as { get(table: typeof rows): unknown; put(...parameters: unknown[]): void };
    const value = String(numberIn(typed) + BigInt(operand) + BigInt(context.version - 1 + more));
    typed.put(rows, [], { value });
    return { value };
  };
  return builder.define({
    version,
    oldestVersion,
    errors: {},
    commands: { Add: add, Subtract: add, Multiply: add },
    queries: { Value: (tx: never) => ({ value: String(numberIn(tx)) }) },
  } as never);
}

async function started(builds: Record<string, ReplicatedService>): Promise<void> {
  cluster = await TestCluster.make({ acceptors: 3, leaders: 2, replicas: 3 });
  for (const id of replicas) use(id, builds[id] ?? (builds.all as ReplicatedService));
  await cluster.start();
  await cluster.ready();
}

function use(id: string, service: ReplicatedService): void {
  cluster.services.set(id, [keyValueService, service]);
}

async function restart(id: string, service: ReplicatedService): Promise<void> {
  await cluster.stop(id);
  use(id, service);
  await cluster.start(id);
}

async function add(replica: string, operand: string): Promise<unknown> {
  const { response } = await cluster.call(replica, `${calculator}/Add`, { operand });
  return response.value;
}

function switchVersion(version: number, service = calculator) {
  return callUnary(cluster.client("r1"), replicaService.SwitchVersion, { service, version });
}

function stateOf(id: string): ReplicaRoleStatus {
  return cluster.host(id).status().state as ReplicaRoleStatus;
}

async function snapshotOf(id: string, stopped: boolean): Promise<SnapshotPage[]> {
  const { path, requestSerialize, responseDeserialize } = replicaService.Snapshot;
  const request = { clusterId: "", above: 0, resume: undefined, member: "", stopped };
  const call = cluster
    .client(id)
    .makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
  const pages: SnapshotPage[] = [];
  for await (const page of call as AsyncIterable<SnapshotPage>) pages.push(page);
  return pages;
}

function versionAt(id: string) {
  return stateOf(id).services.find(({ name }) => name === calculator);
}

/** Every replica has said what it offers. */
async function offered(version: number): Promise<void> {
  await vi.waitFor(async () => expect((await switchVersion(version)).slot).toBeGreaterThan(0));
}

describe("a version of a service (rule 26)", () => {
  test("is in force from the first command on, and replicas say so", async () => {
    await started({ all: build(1, 2) });
    expect(versionAt("r1")).toMatchObject({ inForce: 0, oldestOffered: 1, newestOffered: 2 });
    expect(await add("r2", "5")).toBe("6");
    await vi.waitFor(() => {
      for (const id of replicas) expect(versionAt(id)).toMatchObject({ inForce: 2 });
    });
  });

  test("is switched while replicas come and go, once all of them offer it, and not before", async () => {
    await started({ all: build(1, 1) });
    expect(await add("r1", "1")).toBe("1");
    for (const id of ["r1", "r2"]) await restart(id, build(1, 2));
    await cluster.ready();
    await vi.waitFor(() =>
      expect(switchVersion(2)).rejects.toMatchObject({
        code: grpc.status.FAILED_PRECONDITION,
        details: expect.stringMatching(/not offered by every replica: r3 offers version 1;/),
      }),
    );
    expect(await add("r1", "1")).toBe("2");
    await restart("r3", build(1, 2));
    await cluster.ready();
    await offered(2);
    expect(await add("r3", "1")).toBe("4");
    expect(await add("r1", "1")).toBe("6");
  });

  test("stops a replica that lacks it before the slot that needs it; with the build, it goes on", async () => {
    await started({ all: build(1, 2) });
    await cluster.stop("r3");
    await vi.waitFor(() => expect(add("r1", "1")).resolves.toBe("2"));
    use("r3", build(1, 1));
    await cluster.start("r3");
    await vi.waitFor(() => expect(cluster.host("r3").status().problem).toMatch(/stopped before slot \d+/));
    const { problem, serving } = cluster.host("r3").status();
    expect(problem).toContain(
      `version 2 of ${calculator} is in force there, and this replica offers version 1`,
    );
    expect(serving).toBe(false);
    await expect(add("r3", "1")).rejects.toMatchObject({
      code: grpc.status.UNAVAILABLE,
      details: expect.stringContaining("offers 2"),
    });
    const stale = cluster.call("r3", `${calculator}/Value`, {}, { metadata: { "synod-read": "stale" } });
    await expect(stale).rejects.toMatchObject({ code: grpc.status.UNAVAILABLE });
    const status = await callUnary(cluster.client("r3"), clusterService.Status, {});
    expect(status.problem).toBe(problem);
    const { slotOut } = stateOf("r3");
    expect(await add("r1", "1")).toBe("4");
    expect(stateOf("r3").slotOut).toBe(slotOut);
    await restart("r3", build(2, 2));
    await cluster.ready();
    expect(await add("r3", "1")).toBe("6");
  });

  test("a service that a replica does not have stops it too, and one out of use stops nobody", async () => {
    await started({ all: build(1, 1) });
    expect(await add("r1", "1")).toBe("1");
    await cluster.stop("r2");
    cluster.services.set("r2", [keyValueService]);
    await cluster.start("r2");
    await vi.waitFor(() => expect(cluster.host("r2").status().problem).toContain("has no such service"));
    await switchVersion(0);
    await expect(add("r1", "1")).rejects.toMatchObject({ code: grpc.status.UNIMPLEMENTED });
    await restart("r2", build(1, 1));
    await vi.waitFor(() => expect(versionAt("r2")).toMatchObject({ inForce: 0 }));
    await cluster.stop("r2");
    cluster.services.set("r2", [keyValueService]);
    await cluster.start("r2");
    await cluster.ready();
    await cluster.call("r2", "synod.kv.v1.KeyValue/Put", { key: "k", value: Buffer.from("v") });
  });
});

describe("what was decided before a switch (rule 32)", () => {
  /** Version 2 in force, r3 stopped before the switch. */
  async function switched(): Promise<number> {
    await started({ all: build(1, 2) });
    expect(await add("r1", "1")).toBe("2");
    await offered(1);
    await cluster.stop("r3");
    const { slot } = await switchVersion(2);
    expect(await add("r1", "1")).toBe("4");
    return slot;
  }

  test("is a checkpoint's that all agree in, and is in no replica's log any more", async () => {
    const slot = await switched();
    await vi.waitFor(() => expect(stateOf("r1").trimPoint).toBeGreaterThanOrEqual(slot), waiting);
    expect(stateOf("r1").lastSwitch).toBe(slot);
    const { decisions } = await callUnary(cluster.client("r1"), replicaService.Log, {
      ...{ from: 1, limit: 0, clusterId: cluster.clusterId },
    });
    expect(decisions[0]?.slot).toBe(slot + 1);
  });

  test("is not executed by a replica that comes back with a build of the new version alone, or without anything", async () => {
    const slot = await switched();
    for (const lost of [false, true]) {
      if (lost) {
        await cluster.stop("r3");
        cluster.loseDisk("r3");
      }
      use("r3", build(2, 2));
      await cluster.start("r3");
      await vi.waitFor(() => expect(cluster.host("r3").status()).toMatchObject({ serving: true }), waiting);
      expect(cluster.logged.some(({ text }) => text.includes("waits for the state of one of them"))).toBe(
        true,
      );
      expect(stateOf("r3").lastSwitch).toBe(slot);
      expect(stateOf("r3").hash).toMatch(/^[0-9a-f]{64}$/);
    }
    expect(await add("r3", "1")).toBe("6");
  });
});

describe("a replica whose build answers otherwise (rule 27)", () => {
  test("stops serving and says so, while the others go on; its restart stays stopped", async () => {
    await started({ all: build(1, 1), r2: build(1, 1, 1) });
    expect(await add("r1", "1")).toBe("1");
    await vi.waitFor(() => expect(cluster.host("r2").status().problem).toMatch(/^diverged: at slot \d+/));
    const { problem, serving } = cluster.host("r2").status();
    expect(serving).toBe(false);
    expect(problem).toMatch(/reported are .*r1 [0-9a-f]{12}.*r3 [0-9a-f]{12}/);
    await expect(add("r2", "1")).rejects.toMatchObject({ code: grpc.status.UNAVAILABLE });
    expect(await add("r1", "1")).toBe("2");
    expect(await add("r3", "1")).toBe("3");
    expect(cluster.logged.some(({ text }) => text === problem)).toBe(true);
    await restart("r2", build(1, 1));
    expect(cluster.host("r2").status()).toMatchObject({ problem, serving: false });
  });

  test("stops all where each answers otherwise", async () => {
    await started({ r1: build(1, 1), r2: build(1, 1, 1), r3: build(1, 1, 2) });
    expect(["1", "2", "3"]).toContain(await add("r1", "1"));
    await vi.waitFor(() => {
      for (const id of replicas) expect(cluster.host(id).status().problem).toContain("no majority agrees");
    });
    // All hold the same commands, and a person may go on from the state of any (rule 33).
    expect(new Set(replicas.map((id) => stateOf(id).slotOut)).size).toBe(1);
    for (const id of replicas) {
      const given = await snapshotOf(id, true);
      expect(given.at(-1)).toMatchObject({ slot: stateOf(id).slotOut - 1, last: true });
      await expect(snapshotOf(id, false)).rejects.toMatchObject({
        code: grpc.status.FAILED_PRECONDITION,
        details: expect.stringContaining("`synod snapshot save FILE --stopped`"),
      });
    }
  });

  test("is judged by a third that comes back; until then all stop, since nobody can tell who is wrong (rule 34)", async () => {
    await started({ all: build(1, 1), r2: build(1, 1, 1) });
    await cluster.stop("r3");
    await vi.waitFor(() => expect(add("r1", "1")).resolves.toBe("1"));
    const problem = (id: string) => cluster.host(id).status().problem;
    await vi.waitFor(
      () => expect(stateOf("r1").warnings.join()).toMatch(/^at slot \d+ replicas differ/),
      waiting,
    );
    expect(await add("r1", "1")).toBe("2");
    await vi.waitFor(() => {
      for (const id of ["r1", "r2"]) expect(problem(id)).toMatch(/^stopped: at slot \d+ replicas differ/);
    }, waiting);
    expect(problem("r1")).toContain("start r3, and whoever it agrees with goes on by itself");
    const { trimPoint } = stateOf("r1");
    for (const id of ["r1", "r2"]) {
      expect(cluster.host(id).status().serving).toBe(false);
      await expect(add(id, "1")).rejects.toMatchObject({
        code: grpc.status.UNAVAILABLE,
        details: expect.stringContaining("replicas differ"),
      });
      const stale = cluster.call(id, `${calculator}/Value`, {}, { metadata: { "synod-read": "stale" } });
      await expect(stale).rejects.toMatchObject({ code: grpc.status.UNAVAILABLE });
    }
    await cluster.start("r3");
    await vi.waitFor(() => {
      expect(problem("r2")).toMatch(/^diverged: at slot/);
      for (const id of ["r1", "r3"])
        expect(cluster.host(id).status()).toMatchObject({ serving: true, problem: "" });
    }, waiting);
    expect(await add("r1", "1")).toBe("3");
    expect(stateOf("r1").trimPoint).toBeGreaterThan(trimPoint);
  });

  test("is not one that was stopped and came back, whatever was decided meanwhile", async () => {
    await started({ all: build(1, 1) });
    for (let round = 0; round < 4; round++) {
      const id = replicas[round % 3] as string;
      await cluster.stop(id);
      for (let count = 0; count < 20; count++) await add(replicas[(round + 1) % 3] as string, "1");
      await cluster.start(id);
      await cluster.ready();
    }
    await vi.waitFor(() => {
      for (const id of replicas) expect(stateOf(id).trimPoint).toBeGreaterThan(0);
    });
    for (const id of replicas)
      expect(cluster.host(id).status()).toMatchObject({ serving: true, problem: "" });
  });
});
