import * as grpc from "@grpc/grpc-js";
import { service as healthService } from "grpc-health-check";
import { expect, onTestFinished, test, vi } from "vitest";
import { Health } from "../src/health.js";

type Check = (
  request: { service: string },
  callback: (error: grpc.ServiceError | null, answer?: { status: string }) => void,
) => void;
type Watch = (request: { service: string }) => grpc.ClientReadableStream<{ status: string }>;

/** A server with health alone, and a client of it. */
async function served(health: Health) {
  const server = new grpc.Server();
  health.addTo(server);
  const port = await new Promise<number>((resolve, reject) => {
    const credentials = grpc.ServerCredentials.createInsecure();
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  const Client = grpc.makeGenericClientConstructor(healthService as grpc.ServiceDefinition, "Health");
  const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  onTestFinished(() => {
    health.stop();
    client.close();
    server.forceShutdown();
  });
  const methods = client as unknown as { check: Check; watch: Watch };
  return {
    check: (service: string) =>
      new Promise<string>((resolve) => {
        methods.check({ service }, (error, answer) =>
          resolve(error ? (grpc.status[error.code] ?? "") : (answer?.status ?? "")),
        );
      }),
    watch: (service: string) => {
      const seen: string[] = [];
      const call = methods.watch({ service });
      call.on("data", ({ status }) => seen.push(status));
      call.on("error", () => {});
      return seen;
    },
  };
}

test("health follows the host's condition, for the process and each of its services alike", async () => {
  const host = { serving: false };
  const health = new Health(["synod.v1.Acceptor", "synod.v1.Cluster"]);
  const { check, watch } = await served(health);
  const seen = watch("synod.v1.Cluster");
  const changes: boolean[] = [];
  health.follow(host, (serving) => changes.push(serving));
  await vi.waitFor(() => expect(seen).toEqual(["NOT_SERVING"]));
  expect(await check("")).toBe("NOT_SERVING");

  host.serving = true;
  await vi.waitFor(() => expect(seen).toEqual(["NOT_SERVING", "SERVING"]));
  expect([await check(""), await check("synod.v1.Acceptor")]).toEqual(["SERVING", "SERVING"]);

  host.serving = false;
  await vi.waitFor(() => expect(seen).toEqual(["NOT_SERVING", "SERVING", "NOT_SERVING"]));
  expect(changes).toEqual([true, false]);
});

test("once stopped, health stays NOT_SERVING, and says so before anything else happens", async () => {
  const health = new Health([]);
  const { check } = await served(health);
  health.follow({ serving: true });
  expect(await check("")).toBe("SERVING");
  health.stop();
  expect(health.serving).toBe(false);
  expect(await check("")).toBe("NOT_SERVING");
});

test("a service that the process does not serve is NOT_FOUND", async () => {
  const { check } = await served(new Health(["synod.v1.Leader"]));
  expect(await check("synod.v1.Replica")).toBe("NOT_FOUND");
});
