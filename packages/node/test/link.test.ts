import { EventEmitter, once } from "node:events";
import net, { type AddressInfo, type Socket } from "node:net";
import * as grpc from "@grpc/grpc-js";
import type { FromLeader, Peer, ToLeader } from "@synod/core";
import { type Hello, leaderService } from "@synod/wire";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Attachments, type AttachmentsOptions, type ServerStream } from "../src/transport/attachments.js";
import { type Dial, dialWith } from "../src/transport/dial.js";
import { Link, type LinkOptions } from "../src/transport/link.js";
import { Server } from "../src/transport/server.js";
import { VirtualTime } from "./support/virtual-time.js";

const attach = leaderService.Attach;
/** A busy machine may take long to answer; what waits for silence says a shorter time. */
const timing = { helloMs: 5_000, firstRetryMs: 10, lastRetryMs: 40 };
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function hello(more: Partial<Hello>): Hello {
  return {
    kind: "hello",
    clusterId: "cluster-a",
    id: "l1",
    role: "leader",
    oldestVersion: 1,
    newestVersion: 1,
    configurations: [],
    slotOut: 1,
    ...more,
  };
}

/** A leader's serving side that records what happens. */
async function serve(
  options: { hello?: Partial<Hello>; port?: number } & Partial<
    Omit<AttachmentsOptions<FromLeader, ToLeader>, "hello">
  > = {},
) {
  const server = new Server(grpc.ServerCredentials.createInsecure(), "l1", "c");
  const events: string[] = [];
  const attachments = new Attachments<FromLeader, ToLeader>({
    method: "synod.v1.Leader/Attach",
    accepts: ["replica", "leader"],
    onConnected: (peer: Peer) => events.push(`connected ${peer.id}`),
    onDisconnected: (peer: Peer) => events.push(`disconnected ${peer.id}`),
    onMessage: (peer: Peer, message: ToLeader) => {
      events.push(`${peer.id} ${message.kind}`);
      if (message.kind === "ping") {
        attachments.send(peer, {
          kind: "pong",
          number: message.number,
          leading: false,
          ballot: { round: 0, leader: "", incarnation: 0 },
          slotOut: 1,
        });
      }
      return true;
    },
    whenRoom: (callback) => callback(),
    ...options,
    hello: () => hello(options.hello ?? {}),
  });
  server.grpc.addService(
    { Attach: attach },
    {
      Attach: (call: ServerStream<FromLeader, ToLeader>) => attachments.serve(call),
    },
  );
  const port = await server.listen(`127.0.0.1:${options.port ?? 0}`);
  const stop = async () => {
    attachments.close();
    await server.stop();
  };
  cleanups.push(stop);
  return { attachments, events, port, stop };
}

function dial(
  port: number,
  more: Partial<LinkOptions<ToLeader, FromLeader>> = {},
  ours: Partial<Hello> = {},
) {
  const events: string[] = [];
  const link = new Link<ToLeader, FromLeader>({
    expected: { role: "leader", id: "l1", address: `127.0.0.1:${port}` },
    method: attach,
    dial: dialWith(grpc.credentials.createInsecure()),
    hello: () => hello({ id: "r1", role: "replica", ...ours }),
    onConnected: (theirs) => events.push(`connected ${theirs.id}`),
    onDisconnected: (reason) => events.push(`disconnected: ${reason}`),
    onMessage: (message) => {
      events.push(message.kind === "pong" ? `pong ${message.number}` : message.kind);
      return true;
    },
    whenRoom: (callback) => callback(),
    timing,
    ...more,
  });
  cleanups.push(() => link.close());
  link.start();
  return { link, events };
}

/** A TCP server that the test looks after. */
async function listen(onConnection: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    onConnection(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

describe("a link", () => {
  test("exchanges hellos, then messages both ways", async () => {
    const { port, events: served } = await serve();
    const { link, events } = dial(port);
    await vi.waitFor(() => expect(link.connected).toBe(true));
    expect(link.status).toMatchObject({ connected: true, problem: "" });
    link.send({ kind: "ping", number: 7 });
    await vi.waitFor(() => expect(events).toEqual(["connected l1", "pong 7"]));
    expect(served).toEqual(["connected r1", "r1 ping"]);
  });

  test("a peer that accepts TCP and never speaks HTTP/2 is dialed again, and its connections are closed", async () => {
    let accepted = 0;
    const silent = await listen((socket) => {
      accepted++;
      socket.resume();
    });
    const { link, events } = dial(silent.port, { timing: { ...timing, helloMs: 50 } });
    await vi.waitFor(() => expect(accepted).toBeGreaterThanOrEqual(4));
    expect(link.status.problem).toBe("no hello from it within 50 ms");
    expect(silent.sockets.size).toBeLessThanOrEqual(2);
    expect(events).toEqual([]);
    link.close();
    await vi.waitFor(() => expect(silent.sockets.size).toBe(0));
  });

  test("a server of another cluster is a problem that says both names, and is tried again", async () => {
    const { port, events: served } = await serve({ hello: { clusterId: "cluster-b" } });
    const { link } = dial(port);
    await vi.waitFor(() => expect(link.status.problem).toMatch(/cluster-b.*cluster-a|cluster-a.*cluster-b/));
    expect(link.connected).toBe(false);
    expect(served).toEqual([]);
  });

  test("no common version is a problem that says both ranges", async () => {
    const { port } = await serve({ hello: { oldestVersion: 3, newestVersion: 4 } });
    const { link } = dial(port);
    await vi.waitFor(() =>
      expect(link.status.problem).toMatch(/no common protocol version.*3 to 4.*speaks 1/),
    );
  });

  test("another member under that address is a problem that says who was expected", async () => {
    const { port } = await serve({ hello: { id: "l9" } });
    const { link, events } = dial(port);
    await vi.waitFor(() =>
      expect(link.status.problem).toMatch(/expected leader l1 at 127\.0\.0\.1:\d+, found leader l9/),
    );
    expect(events).toEqual([]);
  });

  test("an acceptor with another store is connected, and a problem says so", async () => {
    const { port } = await serve({ hello: { id: "a1", role: "acceptor", store: "store-x" } });
    const { link } = dial(port, {
      expected: {
        role: "acceptor",
        id: "a1",
        address: `127.0.0.1:${port}`,
        bound: { configuration: 1, store: "store-y" },
      },
    });
    await vi.waitFor(() => expect(link.connected).toBe(true));
    expect(link.status.problem).toMatch(/store store-x is not the one configuration 1 names \(store-y\)/);
  });

  test("does not read its peer while there is no room for what that sends", async () => {
    const taken: string[] = [];
    const waiting: (() => void)[] = [];
    const { attachments, port } = await serve();
    const { link } = dial(port, {
      onMessage: ({ kind }) => {
        taken.push(kind);
        return false;
      },
      whenRoom: (callback) => waiting.push(callback),
    });
    await vi.waitFor(() => expect(link.connected).toBe(true));
    for (const slot of [1, 2, 3])
      attachments.send({ role: "replica", id: "r1" }, { kind: "decision", slot, value: { kind: "no-op" } });
    await vi.waitFor(() => expect(taken).toHaveLength(1));
    // Another link that is dialed later stands: by then all that was sent before would have been read.
    const later = dial(port, {}, { id: "r2" });
    await vi.waitFor(() => expect(later.link.connected).toBe(true));
    expect([taken.length, waiting.length]).toEqual([1, 1]);
    waiting.shift()?.();
    await vi.waitFor(() => expect(taken).toHaveLength(2));
  });

  test("a refused connection is told once, and dialing goes on until the server is there", async () => {
    const port = await freePort();
    const { link, events } = dial(port);
    await vi.waitFor(() => expect(link.status.problem).toBe(`connection refused at 127.0.0.1:${port}`));
    await serve({ port });
    await vi.waitFor(() => expect(link.connected).toBe(true));
    expect(events).toEqual([`disconnected: connection refused at 127.0.0.1:${port}`, "connected l1"]);
  });

  test("it connects again when the server comes back on the same port", async () => {
    const first = await serve();
    const { link, events } = dial(first.port);
    await vi.waitFor(() => expect(link.connected).toBe(true));
    await first.stop();
    await vi.waitFor(() => expect(link.connected).toBe(false));
    expect(link.send({ kind: "ping", number: 1 })).toBe(false);
    expect(link.dropped).toBe(1);
    await serve({ port: first.port });
    await vi.waitFor(() => expect(link.connected).toBe(true));
    expect(events.filter((event) => event.startsWith("connected"))).toHaveLength(2);
    expect(events.filter((event) => event.startsWith("disconnected"))).toHaveLength(1);
  });

  test("a connection that is cut off is told at once", async () => {
    const { port } = await serve();
    const proxy = await listen((socket) => {
      const upstream = net.connect(port, "127.0.0.1");
      upstream.on("error", () => {});
      socket.on("close", () => upstream.destroy());
      socket.pipe(upstream).pipe(socket);
    });
    const { link, events } = dial(proxy.port, {
      expected: { role: "leader", id: "l1", address: `127.0.0.1:${proxy.port}` },
    });
    await vi.waitFor(() => expect(link.connected).toBe(true));
    for (const socket of proxy.sockets) socket.resetAndDestroy();
    await vi.waitFor(() => expect(events[1]).toMatch(/^disconnected: /));
    await vi.waitFor(() => expect(link.connected).toBe(true));
  });

  test("a name that does not resolve is retried and not taken for a broken connection", async () => {
    const { link, events } = dial(1, {
      expected: { role: "leader", id: "l1", address: "no-such-host.invalid:5000" },
    });
    await vi.waitFor(() => expect(link.status.problem).not.toBe("not connected yet"));
    expect(link.status.problem).toMatch(/does not resolve|no hello/);
    expect(events).toEqual([]);
  });

  test("pauses between dials grow, and begin anew once a connection has stood (rule 11)", async () => {
    const scheduler = new VirtualTime();
    const dialedAt: number[] = [];
    let stands = false;
    let lose = () => {};
    const dialTo = (() => {
      dialedAt.push(scheduler.nowMs());
      const stream = Object.assign(new EventEmitter(), {
        write: () => true,
        cancel: () => {},
        end: () => {},
      });
      lose = () => stream.emit("status", { code: grpc.status.UNAVAILABLE, details: "ECONNRESET" });
      scheduler.soon(() => (stands ? stream.emit("data", hello({})) : lose()));
      return { stream, close: () => {} };
    }) as unknown as Dial;
    const pauses = { helloMs: 1_000, firstRetryMs: 100, lastRetryMs: 2_000 };
    dial(0, { dial: dialTo, scheduler, timing: pauses, random: () => 0 });
    await scheduler.pass(5_200);
    expect(dialedAt).toEqual([0, 100, 300, 700, 1_500, 3_100, 5_100]);
    stands = true;
    await scheduler.pass(5_000);
    expect(dialedAt.splice(0).at(-1)).toBe(7_100);
    stands = false;
    lose();
    await scheduler.pass(750);
    expect(dialedAt).toEqual([10_300, 10_500, 10_900]);
  });

  test("after close nothing is dialed or told", async () => {
    const { port, events: served } = await serve();
    const { link, events } = dial(port);
    await vi.waitFor(() => expect(link.connected).toBe(true));
    link.close();
    await vi.waitFor(() => expect(served).toContain("disconnected r1"));
    expect(events).toEqual(["connected l1"]);
    expect(link.connected).toBe(false);
  });
});

describe("the serving side", () => {
  /** A bare stream, as a stranger would open it. */
  function open(port: number, serialize = attach.requestSerialize) {
    const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    const call = client.makeBidiStreamRequest(
      attach.path,
      serialize,
      attach.responseDeserialize,
      new grpc.Metadata(),
    );
    const received: { kind: string }[] = [];
    call.on("data", (message: Hello | FromLeader) => received.push(message));
    call.on("error", () => {});
    const ended = new Promise<grpc.StatusObject>((resolve) => call.on("status", resolve));
    cleanups.push(() => {
      call.cancel();
      client.close();
    });
    return { call, received, ended };
  }

  test("a stream without a hello ends by its deadline, saying so", async () => {
    const { port } = await serve({ helloMs: 50 });
    const { ended } = open(port);
    const status = await ended;
    expect(status.code).toBe(grpc.status.DEADLINE_EXCEEDED);
    expect(status.details).toMatch(/no hello within 50 ms/);
  });

  test("a message before the hello is refused", async () => {
    const { port, events } = await serve();
    const { call, ended } = open(port);
    call.write({ kind: "ping", number: 1 });
    expect(await ended).toMatchObject({
      code: grpc.status.FAILED_PRECONDITION,
      details: "expected a hello first, found a ping",
    });
    expect(events).toEqual([]);
  });

  test("a hello of another cluster is refused with both values", async () => {
    const { port } = await serve();
    const { call, ended } = open(port);
    call.write(hello({ id: "r1", role: "replica", clusterId: "cluster-z" }));
    const status = await ended;
    expect(status.code).toBe(grpc.status.FAILED_PRECONDITION);
    expect(status.details).toMatch(/leader l1 belongs to cluster cluster-a, replica r1 to cluster cluster-z/);
  });

  test("a role that has no business here is refused", async () => {
    const { port } = await serve();
    const { call, ended } = open(port);
    call.write(hello({ id: "a1", role: "acceptor", store: "store-a" }));
    expect(await ended).toMatchObject({
      code: grpc.status.FAILED_PRECONDITION,
      details: "synod.v1.Leader/Attach is opened by a replica or a leader, found acceptor a1",
    });
  });

  test("bytes that are no message are refused with the reason", async () => {
    const { port } = await serve();
    const { call, ended } = open(port, () => Buffer.from([0x12, 0x00]));
    call.write(hello({ id: "r1", role: "replica" }));
    expect(await ended).toMatchObject({
      code: grpc.status.INVALID_ARGUMENT,
      details: expect.stringMatching(/propose\.slot/),
    });
  });

  test("a second stream of the same peer replaces the first, and is no disconnection", async () => {
    const { port, events, attachments } = await serve();
    const first = open(port);
    first.call.write(hello({ id: "r1", role: "replica" }));
    await vi.waitFor(() => expect(first.received).toHaveLength(1));
    const second = open(port);
    second.call.write(hello({ id: "r1", role: "replica" }));
    expect(await first.ended).toMatchObject({ code: grpc.status.ABORTED });
    await vi.waitFor(() => expect(second.received).toHaveLength(1));
    attachments.send({ role: "replica", id: "r1" }, { kind: "decision", slot: 1, value: { kind: "no-op" } });
    await vi.waitFor(() => expect(second.received).toHaveLength(2));
    expect(events).toEqual(["connected r1", "connected r1"]);
    second.call.end();
    await vi.waitFor(() => expect(events.at(-1)).toBe("disconnected r1"));
  });

  test("a stream that has ended makes room for another (rule 12)", async () => {
    const { port, events } = await serve({ maxStreams: 1 });
    for (const id of ["r1", "r2", "r3"]) {
      const { link } = dial(port, {}, { id });
      await vi.waitFor(() => expect(link.connected).toBe(true));
      link.close();
      await vi.waitFor(() => expect(events.at(-1)).toBe(`disconnected ${id}`));
    }
  });

  test("a peer is not read while there is no room for what it sends", async () => {
    const taken: string[] = [];
    const waiting: (() => void)[] = [];
    const { port } = await serve({
      onMessage: (_, message) => {
        taken.push(message.kind);
        return false;
      },
      whenRoom: (callback) => waiting.push(callback),
    });
    const { call, received } = open(port);
    call.write(hello({ id: "r1", role: "replica" }));
    await vi.waitFor(() => expect(received).toHaveLength(1));
    for (const number of [1, 2, 3]) call.write({ kind: "ping", number });
    await vi.waitFor(() => expect(taken).toHaveLength(1));
    // Another peer that comes later is answered: by then all that was sent before would have been read.
    const later = open(port);
    later.call.write(hello({ id: "r2", role: "replica" }));
    await vi.waitFor(() => expect(later.received).toHaveLength(1));
    expect([taken.length, waiting.length]).toEqual([1, 1]);
    waiting.shift()?.();
    await vi.waitFor(() => expect(taken).toHaveLength(2));
  });

  test("with two lanes, answers leave on the stream they belong to", async () => {
    const { port, attachments } = await serve({
      laneOf: (message) => (message.kind === "ping" || message.kind === "pong" ? "pings" : "rest"),
    });
    const pings = open(port);
    const rest = open(port);
    for (const stream of [pings, rest]) stream.call.write(hello({ id: "r1", role: "replica" }));
    rest.call.write({ kind: "question", from: 1, through: 1 });
    pings.call.write({ kind: "ping", number: 5 });
    await vi.waitFor(() => expect(pings.received.map(({ kind }) => kind)).toEqual(["hello", "pong"]));
    attachments.send({ role: "replica", id: "r1" }, { kind: "decision", slot: 1, value: { kind: "no-op" } });
    await vi.waitFor(() => expect(rest.received.map(({ kind }) => kind)).toEqual(["hello", "decision"]));
    expect(pings.received).toHaveLength(2);
  });
});
