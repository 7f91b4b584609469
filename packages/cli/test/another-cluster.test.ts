import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as grpc from "@grpc/grpc-js";
import { anotherCluster, clusterIn, clusterService, meantFor, type Status } from "@synod/wire";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { askStatus, currentSlot } from "../src/calls.js";
import { planCluster } from "../src/cluster/plan.js";
import { requireFreePorts } from "../src/cluster/ports.js";
import { remember } from "../src/cluster/remembered.js";
import { goOn } from "../src/remedy/agree.js";
import { gather, startingPoints } from "../src/status/gather.js";
import { replicaTargets } from "../src/targets.js";

const servers: grpc.Server[] = [];
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "synod-cli-"));
});

afterEach(() => {
  for (const server of servers.splice(0)) server.forceShutdown();
  rmSync(directory, { recursive: true, force: true });
});

/** A replica that says of itself which cluster it is of, and answers nobody who means another. Returns its port. */
function replicaOf(clusterId: string, another = "127.0.0.1:1", looks = true): Promise<number> {
  const server = new grpc.Server();
  servers.push(server);
  const configuration = { number: 1, predecessor: 0, acceptors: [], leaders: [], replicas: [] };
  const ballot = { round: 1, leader: "l1", incarnation: 1 };
  const status = {
    ...{ clusterId, id: "r1", version: "0", pid: 77, uptimeSeconds: 1, serving: true, problem: "" },
    ...{
      peers: [],
      configuration: {
        ...configuration,
        acceptors: [member("a1")],
        leaders: [member("l1")],
        replicas: [member("r1"), { ...member("r2"), address: another }],
      },
    },
    state: {
      role: "leader",
      phase: "passive",
      ballot,
      slotOut: 1,
      commanders: 0,
      queued: 0,
      unreachable: [],
    },
  } as unknown as Status;
  server.addService(
    { Status: clusterService.Status } as never,
    {
      Status: ({ metadata }: { metadata: grpc.Metadata }, callback: grpc.sendUnaryData<object>) => {
        const meant = clusterIn(metadata) ?? clusterId;
        if (meant === clusterId || !looks) return callback(null, status);
        const details = anotherCluster("r1", clusterId, meant);
        const code = grpc.status.FAILED_PRECONDITION;
        callback({ code, details, metadata: meantFor(clusterId) });
      },
    } as never,
  );
  return new Promise((resolve) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (_, port) => resolve(port)),
  );
}

const member = (id: string) => ({ id, address: `127.0.0.1:1`, store: "s" });
const one = { acceptors: 1, leaders: 1, replicas: 1 };
const ask = (address: string, cluster: string | undefined) => askStatus(address, 5_000, cluster);
const failure = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable(),
    (error: Error) => error,
  );

describe("where another cluster answers (rule 28)", () => {
  it("a remembered one is not taken for it, and both are named", async () => {
    const port = await replicaOf("theirs");
    remember(planCluster(directory, one, port), "ours", directory);
    const { addresses, cluster } = await replicaTargets([], directory);
    const refused = await failure(askStatus(addresses[0] as string, 5_000, cluster));
    expect(refused.message).toContain("belongs to cluster theirs, and cluster ours was meant");
    expect(refused.message).toContain('"npx synod up" starts the one meant');
    const start = await startingPoints([], directory);
    const [replica] = await gather(start.known, ask, start.cluster);
    expect(replica).toMatchObject({ id: "r1", answered: false, reason: expect.stringContaining("theirs") });
  });

  it("one address says itself which is meant, and several have to agree", async () => {
    const [a, b] = await Promise.all([replicaOf("a"), replicaOf("b")]);
    const [first, second] = [`127.0.0.1:${a}`, `127.0.0.1:${b}`];
    expect(await replicaTargets([first], directory)).toEqual({ addresses: [first], cluster: undefined });
    expect(await replicaTargets([first, first], directory)).toMatchObject({ cluster: "a" });
    const mixed = await failure(replicaTargets([first, second], directory));
    expect(mixed.message).toBe(
      `--replica: expected replicas of one cluster, found a at ${first}, b at ${second}`,
    );
  });

  it("a process at a member's address is not taken for the member, when one replica says where they are", async () => {
    const theirs = `127.0.0.1:${await replicaOf("theirs")}`;
    const ours = `127.0.0.1:${await replicaOf("ours", theirs)}`;
    const start = await startingPoints([ours], directory);
    const reports = await gather(start.known, ask, start.cluster);
    expect(reports.find(({ address }) => address === theirs)).toMatchObject({
      answered: false,
      reason: expect.stringContaining("cluster theirs, and cluster ours was meant"),
    });
  });

  it("is not believed though it did not look at who was meant", async () => {
    const careless = `127.0.0.1:${await replicaOf("theirs", undefined, false)}`;
    const refused = await failure(askStatus(careless, 5_000, "ours"));
    expect(refused.message).toContain(`${careless} belongs to cluster theirs, and cluster ours was meant`);
  });

  it("what is no replica is called so", async () => {
    const other = `127.0.0.1:${await replicaOf("ours")}`;
    const refused = await failure(currentSlot(other, 5_000));
    expect(refused.message).toBe("expected a replica, found something else that speaks gRPC");
  });

  it("what came of a slot is not asked of another cluster's replicas", async () => {
    const replica = {
      id: "r1",
      cluster: "ours",
      appliedSlot: 3,
      durableSlot: 3,
      halt: undefined,
      problem: "",
    };
    const now = vi.spyOn(performance, "now").mockReturnValueOnce(0).mockReturnValue(1e6);
    onTestFinished(() => now.mockRestore());
    const [line] = await goOn([{ ...replica, address: `127.0.0.1:${await replicaOf("theirs")}` }], 4);
    expect(line).toContain("cluster theirs, and cluster ours was meant");
  });

  it("up says whose ports it needs", async () => {
    const port = await replicaOf("theirs");
    const { members } = planCluster(directory, one, port);
    const refused = await failure(requireFreePorts(members.slice(0, 1)));
    expect(refused.message).toContain(
      `port ${port}, meant for replica r1, is in use by leader r1 of cluster theirs (process 77)`,
    );
  });
});
