import net from "node:net";
import * as grpc from "@grpc/grpc-js";
import { noOperation } from "@synod/core";
import {
  acceptorService,
  batch,
  callUnary,
  clusterService,
  leaderService,
  replicaService,
} from "@synod/wire";
import { afterEach, describe, expect, test, vi } from "vitest";
import { TestCluster } from "./test-cluster.js";

let cluster: TestCluster;

afterEach(async () => {
  await cluster.stop();
  expect(cluster.fatal).toEqual([]);
});

async function started(counts = { acceptors: 3, leaders: 3, replicas: 3 }): Promise<void> {
  cluster = await TestCluster.make(counts);
  await cluster.start();
  await cluster.ready();
}

const put = (replica: string, key: string, value: string, options = {}) =>
  cluster.call(replica, "synod.kv.v1.KeyValue/Put", { key, value: Buffer.from(value) }, options);

async function get(replica: string, key: string): Promise<string> {
  const { response } = await cluster.call(replica, "synod.kv.v1.KeyValue/Get", { key });
  return Buffer.from(response.value as Uint8Array).toString();
}

describe("three of each kind", () => {
  test("what is put through one replica is got through the others", async () => {
    await started();
    const { response, trailer } = await put("r1", "k", "v");
    expect(response).toEqual({ revision: "1" });
    expect(Number(trailer.get("synod-slot")[0])).toBeGreaterThan(0);
    expect(await get("r2", "k")).toBe("v");
    expect(await get("r3", "k")).toBe("v");
  });

  test("it goes on when the active leader is gone, and when it comes back", async () => {
    await started();
    await put("r1", "k", "before");
    const leader = cluster.activeLeader as string;
    await cluster.stop(leader);
    await put("r2", "k", "after");
    expect(await get("r3", "k")).toBe("after");
    await cluster.start(leader);
    await put("r1", "k", "again");
    expect(await get("r2", "k")).toBe("again");
  });

  test("it goes on with one acceptor gone, and with a restarted one in place of another", async () => {
    await started();
    await cluster.stop("a1");
    await put("r1", "k", "two");
    await cluster.start("a1");
    await cluster.stop("a2");
    await put("r2", "k", "three");
    expect(await get("r3", "k")).toBe("three");
  });

  test("a restarted replica goes on from its store", async () => {
    await started();
    await put("r1", "k", "v");
    expect(await get("r3", "k")).toBe("v");
    await cluster.stop("r3");
    await put("r1", "later", "w");
    await cluster.start("r3");
    await cluster.ready();
    expect(await get("r3", "k")).toBe("v");
    expect(await get("r3", "later")).toBe("w");
  });

  test("with two acceptors stopped a call ends before its deadline and says what is missing", async () => {
    await started();
    await put("r1", "k", "v");
    await cluster.stop("a2", "a3");
    const failed = (await put("r1", "k", "w", { deadlineMs: 3000 }).catch(
      (error: unknown) => error,
    )) as grpc.ServiceError;
    expect(failed.code).toBe(grpc.status.DEADLINE_EXCEEDED);
    expect(failed.details).toMatch(/no majority of acceptors: 2 of 3 needed; a2, a3 unreachable/);
    await vi.waitFor(() => expect(cluster.host("r1").serving).toBe(false));
    const leader = cluster.host("l1").status();
    expect(leader.serving).toBe(false);
    expect(leader.problem).toBe("no majority of acceptors: 2 of 3 needed; a2, a3 unreachable");
    expect(leader.peers.find(({ id }) => id === "a2")?.problem).toMatch(/connection refused/);
    await cluster.start("a2");
    await put("r1", "k", "x");
    expect(await get("r2", "k")).toBe("x");
  });

  test("an acceptor with another store than the bound one does not count, and everybody says so", async () => {
    cluster = await TestCluster.make({ acceptors: 3, leaders: 3, replicas: 3 });
    cluster.replaceStore("a3");
    await cluster.start();
    await cluster.ready();
    await put("r1", "k", "v");
    const problem = /store store-other is not the one configuration 1 names \(store-a3\)/;
    expect(cluster.host("a3").status().problem).toMatch(problem);
    const leader = cluster.host("l1");
    expect(leader.status().peers.find(({ id }) => id === "a3")).toMatchObject({
      connected: true,
      problem: expect.stringMatching(problem),
    });
    expect(leader.serving).toBe(true);
    await cluster.stop("a2");
    await vi.waitFor(() =>
      expect(leader.status().problem).toBe("no majority of acceptors: 2 of 3 needed; a2, a3 unreachable"),
    );
    await expect(put("r1", "k", "w", { deadlineMs: 1500 })).rejects.toMatchObject({
      code: grpc.status.DEADLINE_EXCEEDED,
    });
  });

  test("an acceptor that was rolled back is named by leaders that know better, and counts", async () => {
    await started();
    const problemAt = (leader: string) =>
      cluster
        .host(leader)
        .status()
        .peers.find(({ id }) => id === "a3")?.problem;
    const connected = () => vi.waitFor(() => expect(problemAt("l1")).not.toMatch(/refused|reset|ended/));
    for (let again = 0; again < 2; again++) {
      await cluster.stop("a3");
      await cluster.start("a3");
      await connected();
    }
    expect(problemAt("l1")).toBe("");
    await cluster.stop("a3");
    cluster.rollBack("a3");
    await cluster.start("a3");
    await connected();
    const warning = /^counted, but its store tells of start 1 after start 3: its disk was rolled back/;
    expect(problemAt("l1")).toMatch(warning);
    expect(cluster.logged.filter(({ text }) => warning.test(text)).length).toBeGreaterThan(0);
    // Its count grows again: what it has forgotten does not come back.
    for (let again = 0; again < 3; again++) {
      await cluster.stop("a3");
      await cluster.start("a3");
      await connected();
    }
    expect(problemAt("l1")).toMatch(/^counted, but .* rolled back/);
    await cluster.stop("a2");
    await put("r1", "k", "v");
    expect(cluster.host("l1").serving).toBe(true);
    // A leader that was not there then cannot know.
    await cluster.stop("l2");
    await cluster.start("l2");
    await vi.waitFor(() => expect(problemAt("l2")).toBe(""));
  });

  test("with no leader a call ends before its deadline and says so", async () => {
    await started();
    await cluster.stop("l1", "l2", "l3");
    const problem = /no active leader known: l1: connection refused/;
    await vi.waitFor(() => expect(cluster.host("r1").status().problem).toMatch(problem));
    const failed = (await put("r1", "k", "w", { deadlineMs: 1500 }).catch(
      (error: unknown) => error,
    )) as grpc.ServiceError;
    // Not UNAVAILABLE: proxies repeat that, and without a session it may be executed all the same.
    expect(failed.code).toBe(grpc.status.DEADLINE_EXCEEDED);
    expect(failed.details).toMatch(problem);
    expect(failed.metadata.get("synod-outcome")).toEqual(["unknown"]);
  });

  test("a replica that stops answers whoever waits", async () => {
    await started();
    await put("r1", "k", "u");
    await cluster.stop("a2", "a3");
    const waiting = put("r1", "k", "v", { deadlineMs: 10_000 }).catch((error: unknown) => error);
    // What is answered on the same connection came after it.
    await callUnary(cluster.client("r1"), clusterService.Status, {}, { deadline: Date.now() + 10_000 });
    const before = Date.now();
    await cluster.stop("r1");
    expect(Date.now() - before).toBeLessThan(5000);
    const ended = (await waiting) as grpc.ServiceError;
    expect(ended).toMatchObject({ code: grpc.status.ABORTED, details: /shutting down/ });
    expect(ended.metadata.get("synod-outcome")).toEqual(["unknown"]);
  });
});

describe("one of each kind", () => {
  const one = { acceptors: 1, leaders: 1, replicas: 1 };

  test("a session's repeat is answered from the stored answer and executes once", async () => {
    await started(one);
    const { clientId } = await callUnary(cluster.client("r1"), replicaService.OpenSession, {});
    const metadata = { "synod-client-id": clientId, "synod-sequence": "1" };
    const add = () =>
      cluster.call("r1", "synod.calculator.v1.Calculator/Add", { operand: "5" }, { metadata });
    const first = await add();
    const second = await add();
    expect([first.response, second.response]).toEqual([{ value: "5" }, { value: "5" }]);
    expect(second.trailer.get("synod-slot")).toEqual(first.trailer.get("synod-slot"));
    expect((await cluster.call("r1", "synod.calculator.v1.Calculator/Value", {})).response).toEqual({
      value: "5",
    });
  });

  test("what cannot be executed is refused before it costs a slot", async () => {
    await started(one);
    const slotOut = () => {
      const { state } = cluster.host("r1").status();
      return state.role === "replica" ? state.slotOut : 0;
    };
    await put("r1", "k", "v");
    const before = slotOut();
    await expect(put("r1", "", "v")).rejects.toMatchObject({ code: grpc.status.INVALID_ARGUMENT });
    const metadata = { "synod-client-id": "1.0" };
    await expect(put("r1", "k", "v", { metadata })).rejects.toMatchObject({
      code: grpc.status.INVALID_ARGUMENT,
      details: /synod-sequence: expected a whole number from 1/,
    });
    expect(slotOut()).toBe(before);
  });

  test("a session that is not open is told apart", async () => {
    await started(one);
    const metadata = { "synod-client-id": "999.0", "synod-sequence": "1" };
    await expect(put("r1", "k", "v", { metadata })).rejects.toMatchObject({ code: grpc.status.ABORTED });
  });

  test("more calls at once than a session's window, without a session are all answered", async () => {
    await started(one);
    const client = cluster.client("r1");
    const { Execute } = replicaService;
    const command = {
      clientId: "",
      sequence: 0,
      acknowledged: 0,
      service: "synod.calculator.v1.Calculator",
      method: "Add",
      request: Buffer.from([8, 1]),
    };
    const answers = await Promise.all(
      Array.from({ length: 1200 }, () => callUnary(client, Execute, command)),
    );
    expect(answers.filter(({ status }) => status === 0)).toHaveLength(1200);
    expect((await cluster.call("r1", "synod.calculator.v1.Calculator/Value", {})).response).toEqual({
      value: "1200",
    });
  });

  test("the stream answers many outstanding commands, several in a message", async () => {
    await started(one);
    const client = cluster.client("r1");
    const { clientId } = await callUnary(client, replicaService.OpenSession, {});
    const { path, requestSerialize, responseDeserialize } = replicaService.ExecuteStream;
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    const answered = new Set<number>();
    let messages = 0;
    call.on("error", () => {});
    call.on("data", (responses) => {
      messages++;
      for (const response of responses) {
        expect(response.status).toBe(0);
        answered.add(response.sequence);
      }
    });
    const ended = new Promise<grpc.StatusObject>((resolve) => call.on("status", resolve));
    const commands = Array.from({ length: 1000 }, (_, index) => ({
      clientId,
      sequence: index + 1,
      acknowledged: 0,
      service: "synod.calculator.v1.Calculator",
      method: "Add",
      request: Buffer.from([8, 1]),
    }));
    for (let index = 0; index < 1000; index += 100) call.write(commands.slice(index, index + 100));
    call.end();
    expect((await ended).code).toBe(grpc.status.OK);
    expect(answered.size).toBe(1000);
    expect(messages).toBeLessThan(100);
  });

  test("the log tells what was decided, page by page", async () => {
    await started(one);
    for (const value of ["a", "b", "c"]) await put("r1", "k", value);
    const client = cluster.client("r1");
    const first = await callUnary(client, replicaService.Log, { from: 0, limit: 2, clusterId: "" });
    expect(first.decisions.map(({ slot }) => slot)).toEqual([1, 2]);
    expect(first.next).toBe(3);
    const rest = await callUnary(client, replicaService.Log, { from: first.next, limit: 0, clusterId: "" });
    expect(rest.decisions.every(({ value }) => value.kind !== "configuration")).toBe(true);
    expect(rest.next).toBe(0);
  });

  test("an acceptor answers Prepare and Accept by hand", async () => {
    await started(one);
    const client = cluster.client("a1");
    const ballot = { round: 1_000_000, leader: "test", incarnation: 1 };
    const promise = await callUnary(client, acceptorService.Prepare, {
      kind: "p1a" as const,
      ballot,
      configuration: 1,
      from: 1,
      scout: 7,
    });
    expect(promise).toMatchObject({
      acceptor: "a1",
      store: "store-a1",
      asked: ballot,
      promised: ballot,
      scout: 7,
    });
    const pvalue = { ballot, slot: 5_000, value: noOperation };
    const vote = await callUnary(client, acceptorService.Accept, { kind: "p2a" as const, pvalue });
    expect(vote).toMatchObject({ acceptor: "a1", asked: ballot, slot: 5_000, promised: ballot });
  });

  test("a leader answers Submit with the decision, and the same one when asked again", async () => {
    await started(one);
    const client = cluster.client("l1");
    const proposal = { replica: "test", incarnation: 1, number: 1 };
    const value = {
      kind: "batch",
      proposal,
      commands: batch.encode({ commands: [], logTimeMs: 0 }),
    } as const;
    const propose = { kind: "propose", slot: 1, value, forwarded: false } as const;
    const first = await callUnary(client, leaderService.Submit, propose);
    expect(first.value).toMatchObject({ kind: "batch", proposal });
    expect((await callUnary(client, leaderService.Submit, propose)).slot).toBe(first.slot);
  });

  test("a Submit that cannot be decided ends before its deadline and says why", async () => {
    cluster = await TestCluster.make(one);
    await cluster.start("l1");
    const value = {
      kind: "batch",
      proposal: { replica: "test", incarnation: 1, number: 1 },
      commands: batch.encode({ commands: [], logTimeMs: 0 }),
    } as const;
    const submitted = callUnary(
      cluster.client("l1"),
      leaderService.Submit,
      { kind: "propose", slot: 1, value, forwarded: false },
      { deadline: Date.now() + 800 },
    );
    await expect(submitted).rejects.toMatchObject({
      code: grpc.status.DEADLINE_EXCEEDED,
      details: /no majority of acceptors: 1 of 1 needed; a1 unreachable/,
    });
  });

  test("a decided batch that is none is a no-op, and what follows is executed", async () => {
    await started(one);
    const commands = Buffer.from([0xff, 0xff]);
    const value = {
      kind: "batch",
      proposal: { replica: "test", incarnation: 1, number: 1 },
      commands,
    } as const;
    await callUnary(cluster.client("l1"), leaderService.Submit, {
      kind: "propose",
      slot: 1,
      value,
      forwarded: false,
    });
    await put("r1", "k", "v");
    expect(await get("r1", "k")).toBe("v");
    expect(cluster.logged.map(({ text }) => text)).toContain(
      "a decided batch cannot be decoded; it counts as a no-op",
    );
  });

  test("bytes that are no HTTP/2 do not disturb a port", async () => {
    await started(one);
    for (const id of ["a1", "l1", "r1"]) {
      const socket = net.connect(Number(cluster.address(id).split(":")[1]), "127.0.0.1");
      socket.on("error", () => {});
      socket.resume();
      socket.end(Buffer.alloc(4096, 0xa5));
      await new Promise((resolve) => socket.once("close", resolve));
    }
    await put("r1", "k", "v");
  });

  test("stopping ends within 5 s though a client holds a stream open", async () => {
    await started(one);
    const { path, requestSerialize, responseDeserialize } = replicaService.ExecuteStream;
    const call = cluster.client("r1").makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    call.on("error", () => {});
    const ended = new Promise<grpc.StatusObject>((resolve) => call.on("status", resolve));
    call.write([]);
    await put("r1", "k", "v");
    const before = Date.now();
    await cluster.stop("r1");
    expect(Date.now() - before).toBeLessThan(5000);
    expect((await ended).code).toBe(grpc.status.UNAVAILABLE);
  });

  test("every role tells its status", async () => {
    await started(one);
    for (const [id, role] of [
      ["a1", "acceptor"],
      ["l1", "leader"],
      ["r1", "replica"],
    ] as const) {
      const status = await callUnary(cluster.client(id), clusterService.Status, {});
      expect(status).toMatchObject({
        id,
        clusterId: "test-cluster",
        serving: true,
        problem: "",
        state: { role },
      });
    }
  });
});
