import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import * as grpc from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { callUnary, clusterService, openChannel } from "../src/index.js";

/** Accepts connections and never says a word, as a process does that is too busy. */
let mute: net.Server;
let accepted: net.Socket[];

beforeEach(async () => {
  accepted = [];
  mute = net.createServer((socket) => accepted.push(socket.on("error", () => {}).resume()));
  await once(mute.listen(0, "127.0.0.1"), "listening");
});

afterEach(async () => {
  for (const socket of accepted) socket.destroy();
  await new Promise((resolve) => mute.close(resolve));
});

function open() {
  const { port } = mute.address() as AddressInfo;
  return openChannel(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {});
}

describe("a channel whose connection is not there yet", () => {
  test.each([true, false])("leaves none behind once it is closed (abruptly: %s)", async (abruptly) => {
    const channel = open();
    const call = callUnary(channel.client, clusterService.Status, {}, { deadline: Date.now() + 300 });
    await expect(call).rejects.toMatchObject({ code: grpc.status.DEADLINE_EXCEEDED });
    channel.close(abruptly);
    await vi.waitFor(() => expect(accepted.map(({ closed }) => closed)).toEqual([true]));
  });

  test("makes none when it is closed before there was time for one", async () => {
    const channel = open();
    const call = callUnary(channel.client, clusterService.Status, {}, { deadline: Date.now() + 1_000 });
    channel.close(true);
    await expect(call).rejects.toMatchObject({ code: grpc.status.UNAVAILABLE });
    // Whoever comes after it sees that it is not there any more.
    const next = net.connect((mute.address() as AddressInfo).port, "127.0.0.1");
    await once(next, "connect");
    await vi.waitFor(() => expect(accepted.filter(({ closed }) => !closed)).toHaveLength(1));
    next.destroy();
  });
});

test("a channel goes past every proxy that the environment names", async () => {
  const server = new grpc.Server();
  const variables = ["http_proxy", "https_proxy", "grpc_proxy", "all_proxy"];
  for (const name of variables.flatMap((each) => [each, each.toUpperCase()]))
    vi.stubEnv(name, "http://127.0.0.1:9");
  const port = await new Promise<number>((resolve, reject) => {
    const bound = (error: Error | null, found: number) => (error ? reject(error) : resolve(found));
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), bound);
  });
  const channel = openChannel(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  try {
    const asked = callUnary(channel.client, clusterService.Status, {}, { deadline: Date.now() + 5_000 });
    // The server, which has no such service, has answered.
    await expect(asked).rejects.toMatchObject({ code: grpc.status.UNIMPLEMENTED });
  } finally {
    vi.unstubAllEnvs();
    channel.close(true);
    server.forceShutdown();
  }
});

/** A way to a server that passes bytes on, or keeps them back. */
async function wayTo(port: number) {
  const way = { held: false, connections: 0 };
  const server = net.createServer((near) => {
    way.connections++;
    const far = net.connect(port, "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on("error", () => {}).on("close", () => to.destroy());
      from.on("data", (bytes) => void (way.held || to.write(bytes)));
    }
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void server.close());
  return { way, port: (server.address() as AddressInfo).port };
}

describe("a channel that may not be silent for long", () => {
  test("keeps an idle connection that answers, and ends one on which nothing comes in", async () => {
    const server = new grpc.Server();
    const port = await new Promise<number>((resolve, reject) => {
      const bound = (error: Error | null, at: number) => (error ? reject(error) : resolve(at));
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), bound);
    });
    onTestFinished(() => server.forceShutdown());
    const { way, port: between } = await wayTo(port);
    const channel = openChannel(`127.0.0.1:${between}`, grpc.credentials.createInsecure(), {}, 150);
    onTestFinished(() => channel.close(true));
    const unimplemented = { code: grpc.status.UNIMPLEMENTED };
    const call = () =>
      callUnary(channel.client, clusterService.Status, {}, { deadline: Date.now() + 60_000 });
    await expect(call()).rejects.toMatchObject(unimplemented);
    await new Promise((resolve) => setTimeout(resolve, 600));
    await expect(call()).rejects.toMatchObject(unimplemented);
    expect(way.connections).toBe(1);
    way.held = true;
    await expect(call()).rejects.toMatchObject({ code: grpc.status.UNAVAILABLE });
  });
});
