import * as grpc from "@grpc/grpc-js";
import {
  acceptorService,
  callUnary,
  clusterIn,
  clusterService,
  leaderService,
  meantFor,
  replicaService,
} from "@synod/wire";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestCluster } from "./test-cluster.js";

let cluster: TestCluster;
const another = "another-cluster";

beforeAll(async () => {
  cluster = await TestCluster.make({ acceptors: 1, leaders: 1, replicas: 1 });
  await cluster.start();
  await cluster.ready();
});

afterAll(async () => {
  await cluster.stop();
  expect(cluster.fatal).toEqual([]);
});

/** How a call that names a cluster ends, and which cluster answers. An empty request is all that is sent. */
function ending(id: string, path: string, clusterId: string): Promise<grpc.StatusObject & { said?: string }> {
  const none = () => Buffer.alloc(0);
  const call = cluster.client(id).makeBidiStreamRequest(path, none, none, meantFor(clusterId));
  let said: string | undefined;
  call.on("metadata", (metadata) => {
    said = clusterIn(metadata);
  });
  call.on("data", () => {}).on("error", () => {});
  call.end({});
  return new Promise((resolve) =>
    call.on("status", (status) => resolve(said === undefined ? status : { ...status, said })),
  );
}

const everyMethod = [
  ...Object.values(acceptorService).map(({ path }) => ["a1", path] as const),
  ...Object.values(leaderService).map(({ path }) => ["l1", path] as const),
  ...Object.values(replicaService).map(({ path }) => ["r1", path] as const),
  ...["a1", "l1", "r1"].map((id) => [id, clusterService.Status.path] as const),
  ["r1", "/synod.kv.v1.KeyValue/Put"] as const,
  ["r1", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"] as const,
];

describe("a call that names another cluster (rule 28)", () => {
  test.each(everyMethod)("%s %s is refused with both ids", async (id, path) => {
    const status = await ending(id, path, another);
    expect(status.code).toBe(grpc.status.FAILED_PRECONDITION);
    expect(status.details).toContain(
      `${id} belongs to cluster ${cluster.clusterId}, and cluster ${another} was`,
    );
    expect(clusterIn(status.metadata)).toBe(cluster.clusterId);
  });

  test("executes nothing", async () => {
    const put = (value: string, metadata = {}) =>
      cluster.call("r1", "synod.kv.v1.KeyValue/Put", { key: "k", value: Buffer.from(value) }, { metadata });
    await put("before");
    await expect(put("never", { "synod-cluster": another })).rejects.toThrow(another);
    await put("after", { "synod-cluster": cluster.clusterId });
    const { response } = await cluster.call("r1", "synod.kv.v1.KeyValue/Get", { key: "k" });
    expect([Buffer.from(response.value as Uint8Array).toString()]).toEqual(["after"]);
  });

  test("is refused by the field of a page of the log as well", async () => {
    const request = { from: 0, limit: 0, clusterId: another };
    const refused = callUnary(cluster.client("r1"), replicaService.Log, request);
    await expect(refused).rejects.toThrow(
      `r1 belongs to cluster ${cluster.clusterId}, and cluster ${another}`,
    );
  });
});

test("streams, sessions and pages of the log say which cluster answers", async () => {
  const { clusterId } = cluster;
  expect((await ending("r1", replicaService.ExecuteStream.path, clusterId)).said).toBe(clusterId);
  const client = cluster.client("r1");
  const session = await callUnary(client, replicaService.OpenSession, {});
  expect(session).toMatchObject({ clusterId, clientId: expect.stringMatching(/^\d+\.\d+\.test-cluster$/) });
  expect(await callUnary(client, replicaService.Log, { from: 0, limit: 1, clusterId })).toMatchObject({
    clusterId,
  });
});

test("a command under a session of another cluster is refused, and not executed", async () => {
  const { clientId } = await callUnary(cluster.client("r1"), replicaService.OpenSession, {});
  const metadata = {
    "synod-client-id": clientId.replace("test-cluster", "c0ffee012345"),
    "synod-sequence": "1",
  };
  const request = { key: "foreign", value: Buffer.from("v") };
  const put = cluster.call("r1", "synod.kv.v1.KeyValue/Put", request, { metadata });
  await expect(put).rejects.toMatchObject({
    code: grpc.status.FAILED_PRECONDITION,
    details: expect.stringContaining("belongs to another cluster than this (test-cluster)"),
  });
  const { response } = await cluster.call("r1", "synod.kv.v1.KeyValue/Get", { key: "foreign" });
  expect(response.found).toBe(false);
});
