import * as grpc from "@grpc/grpc-js";
import { service as healthService } from "grpc-health-check";
import { expect, onTestFinished, test, vi } from "vitest";
import { Health } from "../src/process/health.js";

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
    /** Sends bytes as they are. */
    raw: (method: string, bytes: Buffer) =>
      new Promise<grpc.StatusObject>((resolve) => {
        const same = (each: Buffer) => each;
        const path = `/grpc.health.v1.Health/${method}`;
        client
          .makeServerStreamRequest(path, same, same, bytes)
          .on("data", () => {})
          .on("error", () => {})
          .on("status", resolve);
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

test.each([
  ["a text that is longer than the message", [0x0a, 0x05, 0x01], /HealthCheckRequest/],
  ["a text that is not UTF-8", [0x0a, 0x02, 0xc3, 0x28], /service: expected UTF-8/],
  ["a number where the text belongs", [0x08, 0x01], /wire type 0/],
  ["a name of 513 characters", [0x0a, 0x81, 0x04, ...Buffer.alloc(513, "x")], /at most 512 characters/],
])("%s is INVALID_ARGUMENT, and says why", async (_, bytes, expected) => {
  const { raw } = await served(new Health([]));
  for (const method of ["Check", "Watch"]) {
    const { code, details } = await raw(method, Buffer.from(bytes));
    expect([method, code]).toEqual([method, grpc.status.INVALID_ARGUMENT]);
    expect(details).toMatch(expected);
  }
});

test("what reflection does not describe is not served", async () => {
  const { raw } = await served(new Health([]));
  expect((await raw("List", Buffer.alloc(0))).code).toBe(grpc.status.UNIMPLEMENTED);
});
