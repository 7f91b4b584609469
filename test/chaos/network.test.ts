// What chaos does to connections: bytes are kept back or late, in one direction or both, and never lost or reordered.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Processes, until } from "../acceptance/support/processes.mjs";
import { Network } from "./network.mjs";

let directory: string;
let network: Network;
let echo: Server;
let socket: Socket;
let heard: string;
/** What the echo heard, before it answered. */
let arrived: string;

beforeEach(async () => {
  directory = mkdtempSync(path.join(tmpdir(), "synod-network-"));
  [heard, arrived] = ["", ""];
  echo = createServer((peer) =>
    peer.on("data", (bytes) => {
      arrived += bytes;
      peer.write(bytes);
    }),
  );
  await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
  const { port } = echo.address() as { port: number };
  const members = ["r1", "l1"].map((id) => ({
    id,
    port,
    address: `127.0.0.1:${port}`,
    config: path.join(directory, `${id}.json`),
  }));
  for (const { config } of members) writeFileSync(config, "{}");
  const clusterFile = path.join(directory, "cluster.json");
  const [r1, l1] = members.map(({ id, address }) => ({ id, address }));
  writeFileSync(clusterFile, JSON.stringify({ acceptors: [], leaders: [l1], replicas: [r1] }));
  network = await Network.between({ plan: { members, clusterFile, directory } } as unknown as Processes);
  const seen = JSON.parse(readFileSync(path.join(directory, "r1-sees.json"), "utf8"));
  expect(seen.replicas[0].address).toBe(r1?.address);
  const [host, proxy] = seen.leaders[0].address.split(":");
  socket = connect(Number(proxy), host);
  socket.on("data", (bytes) => {
    heard += bytes;
  });
});

afterEach(async () => {
  socket.destroy();
  await network.close();
  await new Promise((resolve) => echo.close(resolve));
  rmSync(directory, { recursive: true, force: true });
});

it("passes on what is said, in order, and keeps it back while the way is held", async () => {
  socket.write("a");
  await until("an echo", () => heard === "a");
  network.hold("r1", "l1", true);
  socket.write("b");
  network.hold("l1", "r1", true);
  network.hold("r1", "l1", false);
  await until("the other side to hear it", () => arrived === "ab");
  socket.write("c");
  await until("the other side to hear more", () => arrived === "abc");
  expect(heard).toBe("a");
  network.hold("l1", "r1", false);
  await until("both echoes", () => heard === "abc");
});

it("is late by as much as it is told", async () => {
  network.delay("r1", "l1", 60);
  network.delay("l1", "r1", 60);
  const startedAt = performance.now();
  socket.write("a");
  await until("an echo", () => heard === "a", 5_000, 1);
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(119);
});

it("tells of an end only where bytes would pass", async () => {
  let over = false;
  socket.on("close", () => {
    over = true;
  });
  socket.write("a");
  await until("an echo", () => heard === "a");
  network.hold("r1", "l1", true);
  socket.end();
  await new Promise((resolve) => setImmediate(resolve));
  expect(over).toBe(false);
  network.hold("r1", "l1", false);
  await until("the end to be told", () => over);
});
