import { createServer, type Server, type Socket } from "node:net";
import * as grpc from "@grpc/grpc-js";
import { clusterService, descriptorSet, loadServices, receive, replicaService } from "@synod/wire";
import { afterEach, describe, expect, it } from "vitest";
import { type Client, connect } from "../src/connect.js";
import { SynodError } from "../src/error.js";
import { answerTo, FakeCluster } from "./fake-replica.js";

const closing: (() => void)[] = [];

afterEach(() => {
  for (const close of closing.splice(0)) close();
});

interface Served {
  readonly address: string;
  readonly server: grpc.Server;
  /** Sequences that arrived. */
  readonly received: number[];
}

/** A replica's services in this process, on a free port; `mute` takes commands and answers none. */
async function serve(cluster: FakeCluster, mute = false): Promise<Served> {
  const server = new grpc.Server();
  const received: number[] = [];
  server.addService(replicaService, {
    OpenSession: (_: unknown, callback: grpc.sendUnaryData<object>) =>
      callback(null, { clientId: cluster.openSession(), clusterId: "c" }),
    ExecuteStream: (call: Parameters<typeof receive>[0]) => {
      call.on("error", () => undefined);
      receive(call, (commands) => {
        received.push(...(commands as { sequence: number }[]).map(({ sequence }) => sequence));
        if (!mute)
          call.write(
            (commands as Parameters<FakeCluster["execute"]>[0][]).map((one) => cluster.execute(one)),
          );
      });
      call.on("end", () => call.end());
    },
  } as unknown as grpc.UntypedServiceImplementation);
  server.addService(clusterService, {
    Status: (_: unknown, callback: grpc.sendUnaryData<object>) =>
      callback({ code: grpc.status.UNAVAILABLE, details: "starting" }),
  } as unknown as grpc.UntypedServiceImplementation);
  const port = await new Promise<number>((resolve, reject) => {
    const credentials = grpc.ServerCredentials.createInsecure();
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  closing.push(() => server.forceShutdown());
  return { address: `127.0.0.1:${port}`, server, received };
}

function connected(...servers: readonly { address: string }[]): Client {
  const client = connect({ replicas: servers.map(({ address }) => address), silenceMs: 200 });
  closing.push(() => client.close());
  return client;
}

const echo = (client: Client, text: string) => client.execute("test.v1.Echo", "Echo", Buffer.from(text));
const textOf = ({ response }: { response: Uint8Array }) => Buffer.from(response).toString();

describe("a client over gRPC", () => {
  it("keeps going, each command executed once, when the replica it uses goes away", async () => {
    const cluster = new FakeCluster();
    const [first, second] = [await serve(cluster), await serve(cluster)];
    const client = connected(first, second);
    await echo(client, "before");
    const calls = Array.from({ length: 200 }, (_, index) => echo(client, `${index}`));
    first.server.forceShutdown();
    expect((await Promise.all(calls)).map(textOf)).toEqual(calls.map((_, index) => `${index}`));
    expect(second.received.length).toBeGreaterThan(0);
    expect(new Set(cluster.executed.map(({ sequence }) => sequence)).size).toBe(cluster.executed.length);
    expect(cluster.executed).toHaveLength(201);
  });

  it("goes on through another replica when one takes commands and answers none", async () => {
    const cluster = new FakeCluster();
    const [mute, second] = [await serve(cluster, true), await serve(cluster)];
    const client = connected(mute, second);
    expect(textOf(await echo(client, "a"))).toBe("a");
    expect(mute.received).toEqual([1]);
    expect(second.received).toEqual([1]);
  });

  it("goes on through another replica when one accepts connections and never speaks", async () => {
    const sockets = new Set<Socket>();
    const silent: Server = createServer((socket) => sockets.add(socket));
    const port = await new Promise<number>((resolve) => {
      silent.listen(0, "127.0.0.1", () => resolve((silent.address() as { port: number }).port));
    });
    closing.push(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });
    const client = connected({ address: `127.0.0.1:${port}` }, await serve(new FakeCluster()));
    expect(textOf(await echo(client, "a"))).toBe("a");
  });

  it("ends a call with the reason when nobody listens", async () => {
    const gone = await serve(new FakeCluster());
    gone.server.forceShutdown();
    const client = connected(gone);
    const call = client.execute("test.v1.Echo", "Echo", new Uint8Array(), { deadlineMs: 300 });
    await expect(call).rejects.toMatchObject({ code: grpc.status.UNAVAILABLE, outcome: "not executed" });
    await expect(call).rejects.toThrow(/ECONNREFUSED/);
  });

  it("sends typed messages and gives typed answers", async () => {
    const cluster = new FakeCluster();
    const get = loadServices(descriptorSet).services.get("synod.kv.v1.KeyValue")?.methods.get("Get");
    if (!get) throw new Error("no KeyValue.Get in the descriptor set");
    const value = Buffer.from("blue");
    cluster.execute = (command) => {
      expect(get.decodeRequest(command.request)).toMatchObject({ key: "colour" });
      return answerTo(command, {
        response: get.encodeResponse({ found: true, value, revision: "9" }),
        slot: 4,
      });
    };
    const store = connected(await serve(cluster)).service<{ Get(request: object): Promise<object> }>(
      "synod.kv.v1.KeyValue",
    );
    expect(await store.Get({ key: "colour" })).toMatchObject({ found: true, value, revision: "9" });
    await expect(store.Get({ kee: "colour" })).rejects.toBeInstanceOf(SynodError);
  });

  it("names the services it knows when asked for another one", async () => {
    const client = connected(await serve(new FakeCluster()));
    expect(() => client.service("bank.v1.Ledger")).toThrow(
      /expected one of .*synod\.kv\.v1\.KeyValue.*bank\.v1\.Ledger/,
    );
  });
});
