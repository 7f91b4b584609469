import { type ContractResult, checksOf, columns, matrixText, runContract } from "@synod/contract";
import type { Members } from "@synod/testing/members";
import { afterEach, expect, test } from "vitest";
import { quiet } from "../acceptance/support/quiet.mjs";
import { failures } from "./failures.js";
import { ready, startMembers } from "./members.js";
import { FaultyFront } from "./wrong/front.js";

const started: { stop(): Promise<void> | void }[] = [];

afterEach(() => Promise.all(started.splice(0).map((members) => members.stop())));

async function start(...parameters: Parameters<typeof startMembers>): Promise<Members> {
  const members = await startMembers(...parameters);
  started.push(members);
  return members;
}

const oneOfEach = { acceptors: 1, leaders: 1, replicas: 1 };

test("an acceptor, a leader and a replica of this repository pass every check, and no cell is empty", async () => {
  const lone = await start(oneOfEach, ["a1"]);
  const cluster = await start({ acceptors: 3, leaders: 1, replicas: 2 });
  await ready(cluster);
  const result = await runContract({
    addresses: {
      acceptor: lone.address("a1"),
      leader: cluster.address("l1"),
      replica: cluster.address("r1"),
    },
    destructive: true,
    patienceMs: 5_000,
    restart: (role) => (role === "acceptor" ? lone.restart("a1") : cluster.restart("l1")),
  });
  expect(failures(result)).toEqual([]);
  expect(result.skipped).toBe(0);
  expect(result.passed).toBeGreaterThan(300);
  for (const { cells } of result.rows)
    for (const column of columns)
      expect(cells[column].notApplicable ?? cells[column].checks.length).not.toBe(0);
});

test("against addresses alone nothing is written, what would be is skipped by name, and slots stay as they are", async () => {
  const cluster = await start(oneOfEach);
  await ready(cluster);
  await quiet(cluster.address("r1"));
  const before = cluster.host("a1").status();
  const result = await runContract({
    addresses: {
      acceptor: cluster.address("a1"),
      leader: cluster.address("l1"),
      replica: cluster.address("r1"),
    },
    patienceMs: 5_000,
  });
  expect(failures(result)).toEqual([]);
  expect(cluster.host("a1").status().state).toEqual(before.state);
  const skipped = checksOf(result.rows).filter(({ outcome }) => outcome === "skipped");
  expect(skipped.length).toBe(result.skipped);
  expect(new Set(skipped.map(({ reason }) => reason))).toEqual(
    new Set(["it writes: only with --destructive"]),
  );
  expect(matrixText(result.rows)).toContain("skipped (b)");
});

test("an acceptor that a leader uses is not written to, not even when asked for", async () => {
  const cluster = await start(oneOfEach);
  await ready(cluster);
  await quiet(cluster.address("r1"));
  const result = await runContract({
    addresses: { acceptor: cluster.address("a1") },
    destructive: true,
    patienceMs: 5_000,
    only: ["Acceptor.", "Leader.Submit"],
  });
  expect(failures(result)).toEqual([]);
  const reasons = new Set(checksOf(result.rows).map(({ reason }) => reason));
  expect(reasons).toEqual(
    new Set([
      undefined,
      "it writes, and leader l1 is connected to this acceptor: give one that no leader uses",
      "no --leader was given",
    ]),
  );
});

/** Why checks of a role were skipped. */
function reasonsOf(result: ContractResult): Set<string | undefined> {
  const skipped = checksOf(result.rows).filter(({ outcome }) => outcome === "skipped");
  return new Set(skipped.map(({ reason }) => reason));
}

test("with the address of a replica alone nothing fails, and what needs a leader is skipped by name", async () => {
  const cluster = await start({ acceptors: 1, leaders: 1, replicas: 2 });
  await ready(cluster);
  const result = await runContract({
    addresses: { replica: cluster.address("r1") },
    destructive: true,
    patienceMs: 5_000,
    only: ["Replica.", "KeyValue.Put", "Leader.Submit"],
  });
  expect(failures(result)).toEqual([]);
  expect(reasonsOf(result)).toEqual(
    new Set(["no --leader was given", "it needs a leader too, and no --leader was given"]),
  );
});

test("a replica that cannot be reached from here is no failure of another: what needs it is skipped by name", async () => {
  const cluster = await start({ acceptors: 1, leaders: 1, replicas: 2 }, ["a1", "l1", "r1"]);
  await ready(cluster);
  const result = await runContract({
    addresses: { replica: cluster.address("r1") },
    destructive: true,
    patienceMs: 5_000,
    only: ["Replica.OpenSession", "Replica.Log"],
  });
  expect(failures(result)).toEqual([]);
  const address = cluster.address("r2");
  expect(reasonsOf(result)).toEqual(
    new Set([`it needs r2, which does not answer from here at ${address}, where a status says it is`]),
  );
});

test("acceptors that cannot be reached from here are no failure of a leader: what needs them is skipped by name", async () => {
  const cluster = await start(oneOfEach);
  await ready(cluster);
  const elsewhere = await FaultyFront.before(cluster.address("l1"), [
    {
      method: "synod.v1.Cluster/Status",
      response: ({ configuration, ...status }) => {
        const acceptors = [{ id: "a1", address: "127.0.0.1:1", store: "store-a1" }];
        return { ...status, configuration: { ...(configuration as object), acceptors } };
      },
    },
  ]);
  started.push(elsewhere);
  const result = await runContract({
    addresses: { leader: elsewhere.address },
    destructive: true,
    patienceMs: 5_000,
    only: ["Leader.Submit"],
  });
  expect(failures(result)).toEqual([]);
  expect([...reasonsOf(result)]).toEqual([
    expect.stringMatching(/^it needs 1 of the 1 acceptors, and 0 answer from here/),
  ]);
});

test("a leader that does not lead passes as well: it passes on what it is asked", async () => {
  const cluster = await start({ acceptors: 1, leaders: 2, replicas: 1 });
  await ready(cluster);
  const passive = ["l1", "l2"].find((id) => {
    const { state } = cluster.host(id).status();
    return state.role === "leader" && state.phase === "passive";
  });
  const result = await runContract({
    addresses: { leader: cluster.address(passive ?? "l1") },
    destructive: true,
    patienceMs: 5_000,
    only: ["Leader."],
  });
  expect(failures(result)).toEqual([]);
});
