import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import * as grpc from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
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
