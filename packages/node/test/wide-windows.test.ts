import { once } from "node:events";
import http2 from "node:http2";
import * as grpc from "@grpc/grpc-js";
import { expect, onTestFinished, test, vi } from "vitest";
import { Server } from "../src/transport/server.js";

test("callers may send ahead as much as the server was told to take in, on a stream and on a connection", async () => {
  const server = new Server(grpc.ServerCredentials.createInsecure(), "a1", "c");
  onTestFinished(() => server.stop());
  const port = await server.listen("127.0.0.1:0", 1 << 20);
  const session = http2.connect(`http://127.0.0.1:${port}`);
  onTestFinished(() => session.destroy());
  await once(session, "remoteSettings");
  expect(session.remoteSettings.initialWindowSize).toBe(1 << 20);
  await vi.waitFor(() => expect(session.state.remoteWindowSize).toBe(1 << 20));
});
