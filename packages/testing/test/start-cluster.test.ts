import { calculatorService, keyValueService, replicatedService } from "@synod/state-machine";
import { afterEach, expect, test } from "vitest";
import { type Cluster, startCluster } from "../src/index.js";

let cluster: Cluster | undefined;

afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
});

const value = (text: string) => new Uint8Array(Buffer.from(text));

test("a cluster in this process decides commands, and goes on with a majority", async () => {
  cluster = await startCluster({ services: [keyValueService], leaders: 2, replicas: 2 });
  expect([cluster.acceptors, cluster.leaders, cluster.replicas].map((each) => each.length)).toEqual([
    3, 2, 2,
  ]);
  const store = cluster.service(keyValueService);
  await store.Put({ key: "a", value: value("1") });
  await cluster.stopMember("a1");
  await cluster.stopMember("r1");
  expect((await store.Get({ key: "a" })).value.toString()).toBe("1");
});

test("a member that is started again has what it had stored", async () => {
  cluster = await startCluster({ services: [keyValueService], acceptors: 1, leaders: 1, replicas: 1 });
  const store = cluster.service(keyValueService);
  await store.Put({ key: "a", value: value("1") });
  for (const id of ["a1", "r1"]) {
    await cluster.stopMember(id);
    await cluster.startMember(id);
  }
  expect((await store.Get({ key: "a" })).value.toString()).toBe("1");
});

test("a count that makes no sense is refused", async () => {
  await expect(startCluster({ services: [], acceptors: 0 })).rejects.toThrow(
    "acceptors: expected a whole number from 1",
  );
});

test("a service twice is refused, and nothing is left running", async () => {
  await expect(startCluster({ services: [keyValueService, keyValueService] })).rejects.toThrow(
    "expected each name once",
  );
});

test("what a handler throws undeclared is told, as a replica's log tells it", async () => {
  const broken = () => {
    throw new Error("a mistake");
  };
  const { descriptors, name } = calculatorService;
  // biome-ignore lint/suspicious/noExplicitAny: the generated types are another package's
  const service = (replicatedService as any)({ descriptors, service: name }).define({
    version: 1,
    errors: {},
    commands: { Add: broken, Subtract: broken, Multiply: broken },
    queries: { Value: () => ({}) },
  }) as typeof calculatorService;
  cluster = await startCluster({
    services: [service],
    sharedRealm: true,
    acceptors: 1,
    leaders: 1,
    replicas: 1,
  });
  const { Add } = cluster.service(service);
  await expect(Add({ operand: 1 })).rejects.toThrow(
    /INTERNAL: .*Calculator\/Add failed .*: Error: a mistake$/,
  );
});
