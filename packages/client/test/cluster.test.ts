import * as grpc from "@grpc/grpc-js";
import { clusterIn, meantFor, replicaService } from "@synod/wire";
import { afterEach, describe, expect, it, vi } from "vitest";
import { CommandClient } from "../src/client.js";
import { connect } from "../src/connect.js";
import type { SynodError } from "../src/error.js";
import { defaultSettings } from "../src/settings.js";
import { FakeCluster, FakeReplica, notMeant } from "./fake-replica.js";

const opened: { close(): void }[] = [];

afterEach(() => {
  for (const each of opened.splice(0)) each.close();
});

function start(replicas: number, more = {}) {
  const cluster = new FakeCluster();
  const fakes = Array.from({ length: replicas }, (_, index) => new FakeReplica(`r${index + 1}:1`, cluster));
  const client = new CommandClient(fakes, { ...defaultSettings, silenceMs: 100, deadlineMs: 5_000, ...more });
  opened.push(client);
  const execute = (text: string) => client.execute("test.v1.Echo", "Echo", Buffer.from(text));
  return { cluster, replicas: fakes as [FakeReplica, FakeReplica], execute };
}

const failure = (call: Promise<unknown>) =>
  call.then(
    () => expect.unreachable(),
    (error) => error as SynodError,
  );

describe("a client whose replica is of another cluster (rule 28)", () => {
  it("moves on to one of its own", async () => {
    const { cluster, replicas, execute } = start(2);
    await execute("one");
    replicas[0].breakStream("gone");
    replicas[0].misdirected = true;
    await execute("two");
    expect(cluster.executed).toHaveLength(2);
    expect(replicas[1].received).toHaveLength(1);
  });

  it("ends with the reason when no other is left, and knows that nothing was executed", async () => {
    for (const more of [{}, { sendToAll: true }]) {
      const { cluster, replicas, execute } = start(2, more);
      await execute("one");
      for (const replica of replicas) {
        replica.breakStream("gone");
        replica.misdirected = true;
      }
      const error = await failure(execute("two"));
      expect(error).toMatchObject({ code: grpc.status.FAILED_PRECONDITION, outcome: "not executed" });
      expect(error.message).toContain(notMeant);
      expect(error.message).toContain("connect again");
      expect(cluster.executed).toHaveLength(1);
    }
  });

  it("does not know of a command that was on its way when its own cluster went", async () => {
    const { replicas, execute } = start(1);
    await execute("one");
    replicas[0].behaviour = () => undefined;
    const call = failure(execute("two"));
    await vi.waitFor(() => expect(replicas[0].received).toHaveLength(2));
    replicas[0].misdirected = true;
    replicas[0].breakStream("gone");
    expect((await call).outcome).toBe("unknown");
  });

  it("opens no session there", async () => {
    const { replicas, execute } = start(2);
    for (const replica of replicas) replica.misdirected = true;
    expect((await failure(execute("one"))).message).toContain(notMeant);
    replicas[1].misdirected = false;
    await execute("two");
  });

  it("waits for its own while one address leads elsewhere and the others are down", async () => {
    const { replicas, execute } = start(2);
    replicas[0].misdirected = true;
    replicas[1].down = true;
    const call = execute("one");
    // The second look at the address that leads elsewhere is over.
    await vi.waitFor(() => expect(replicas[0].openings).toBeGreaterThan(2));
    replicas[1].down = false;
    await call;
  });
});

/** A replica that answers for a cluster, and refuses or does not even look at which one is meant. */
async function replicaOf(clusterId: string, careless = false) {
  const server = new grpc.Server();
  const meant: (string | undefined)[] = [];
  let executed = 0;
  const refusal = (metadata: grpc.Metadata) => {
    meant.push(clusterIn(metadata));
    if (careless || (clusterIn(metadata) ?? clusterId) === clusterId) return undefined;
    const details = `r1 belongs to cluster ${clusterId}, and cluster ${clusterIn(metadata)} was meant`;
    return Object.assign(new Error(details), {
      code: grpc.status.FAILED_PRECONDITION,
      details,
      metadata: meantFor(clusterId),
    });
  };
  server.addService(
    replicaService as never,
    {
      OpenSession: ({ metadata }: { metadata: grpc.Metadata }, callback: grpc.sendUnaryData<object>) =>
        callback(refusal(metadata) ?? null, { clientId: `1.0.${clusterId}`, clusterId }),
      ExecuteStream: (call: grpc.ServerDuplexStream<never, never>) => {
        call.on("error", () => {});
        const refused = refusal(call.metadata);
        if (refused) {
          call.emit("error", refused);
          return;
        }
        call.sendMetadata(meantFor(clusterId));
        call.on("data", (commands: { clientId: string; sequence: number; request: Uint8Array }[]) => {
          executed += commands.length;
          const done = { status: 0, message: "", slot: 1, outcome: "answered" };
          call.write(
            commands.map(({ clientId, sequence, request }) => ({
              clientId,
              sequence,
              response: request,
              ...done,
            })) as never,
          );
        });
      },
    } as never,
  );
  const port = await new Promise<number>((resolve) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (_, bound) => resolve(bound)),
  );
  opened.push({ close: () => server.forceShutdown() });
  return { address: `127.0.0.1:${port}`, meant, executed: () => executed };
}

describe("a connection", () => {
  function connected(replicas: string[], cluster?: string) {
    const client = connect({
      replicas,
      deadlineMs: 10_000,
      silenceMs: 5_000,
      ...(cluster ? { cluster } : {}),
    });
    opened.push(client);
    return { client, echo: (text: string) => client.execute("s.S", "M", Buffer.from(text)) };
  }

  it("learns its cluster with its session, and names it from then on", async () => {
    const replica = await replicaOf("a");
    const { client, echo } = connected([replica.address]);
    expect(client.cluster).toBeUndefined();
    await echo("one");
    expect([client.cluster, ...replica.meant]).toEqual(["a", undefined, "a"]);
  });

  it("given addresses of two clusters, uses those of one", async () => {
    const [a, b] = [await replicaOf("a"), await replicaOf("b")];
    const { client, echo } = connected([a.address, b.address]);
    await Promise.all(Array.from({ length: 10 }, (_, index) => echo(`${index}`)));
    expect([client.cluster, a.executed(), b.executed()]).toEqual(["a", 10, 0]);
  });

  it("is refused by the replica, or finds out itself, where another cluster than the given one answers", async () => {
    for (const careless of [false, true]) {
      const replica = await replicaOf("b", careless);
      const error = await failure(connected([replica.address], "a").echo("one"));
      expect(error.message).toMatch(/belongs to cluster b, and cluster a was meant/);
      expect([error.outcome, replica.executed()]).toEqual(["not executed", 0]);
    }
  });
});
