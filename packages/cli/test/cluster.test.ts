import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { deathReport } from "../src/cluster/advice.js";
import { tryLines } from "../src/cluster/endpoints.js";
import { ownDataDirectory } from "../src/cluster/owner.js";
import { planCluster } from "../src/cluster/plan.js";
import { freePorts, requireFreePorts } from "../src/cluster/ports.js";
import { remember } from "../src/cluster/remembered.js";
import { prepareCluster } from "../src/cluster/stores.js";
import { exitCode, Failure } from "../src/failure.js";
import { replicaTargets } from "../src/targets.js";

const three = { acceptors: 3, leaders: 3, replicas: 3 };
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "synod-cli-"));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** The file of a cluster of three members, as an earlier `up` left it. */
function storeCluster(): void {
  const member = (id: string, port: number) => ({ id, address: `127.0.0.1:${port}` });
  const stored = {
    window: 256,
    acceptors: [{ ...member("a1", 4102), store: "s" }],
    leaders: [member("l1", 4101)],
    replicas: [member("r1", 4100)],
  };
  const file = path.join(directory, "cluster", "cluster.json");
  mkdirSync(path.dirname(file));
  writeFileSync(file, JSON.stringify(stored));
}

async function failure(work: () => unknown): Promise<Failure> {
  try {
    await work();
  } catch (error) {
    expect(error).toBeInstanceOf(Failure);
    return error as Failure;
  }
  throw new Error("expected a failure, found none");
}

describe("the plan of a local cluster", () => {
  it("gives every process a port of its own, replicas first", () => {
    const { members } = planCluster(directory, { acceptors: 3, leaders: 2, replicas: 1 }, 4100);
    expect(members.map(({ id, port }) => `${id}:${port}`)).toEqual([
      "r1:4100",
      "l1:4101",
      "l2:4102",
      "a1:4103",
      "a2:4104",
      "a3:4105",
    ]);
  });

  it("names every count and port that makes no sense at once", async () => {
    const found = await failure(() =>
      planCluster(directory, { acceptors: 0, leaders: 2.5, replicas: 99 }, 65_530),
    );
    expect(found.code).toBe(exitCode.usage);
    expect(found.message.split("\n")).toHaveLength(4);
    expect(found.message).toContain("--acceptors: expected a whole number from 1 to 9, found 0");
  });

  it("is refused for a directory that holds a cluster of another shape, saying which", async () => {
    storeCluster();
    const counts = await failure(() => prepareCluster(planCluster(directory, three, 4100)));
    expect(counts.code).toBe(exitCode.usage);
    expect(counts.message).toContain("--acceptors 3: the cluster there has 1");
    const one = { acceptors: 1, leaders: 1, replicas: 1 };
    const port = await failure(() => prepareCluster(planCluster(directory, one, 5100)));
    expect(port.message).toContain("--port 5100: the cluster there was made for port 4100");
    expect(await prepareCluster(planCluster(directory, one, 4100))).toBe(false);
  });
});

describe("busy ports", () => {
  it("are refused by number and member before anything starts, all of them", async () => {
    const first = await freePorts(3);
    const { members } = planCluster(directory, { acceptors: 1, leaders: 1, replicas: 1 }, first);
    await requireFreePorts(members);
    const servers = await Promise.all(
      [first, first + 2].map(
        (port) =>
          new Promise<ReturnType<typeof createServer>>((resolve) => {
            const server = createServer().listen(port, "127.0.0.1", () => resolve(server));
          }),
      ),
    );
    const found = await failure(() => requireFreePorts(members));
    for (const server of servers) server.close();
    expect(found.code).toBe(exitCode.addressInUse);
    expect(found.message).toContain(`port ${first}, meant for replica r1, is in use by another process`);
    expect(found.message).toContain(`port ${first + 2}, meant for acceptor a1, is in use by another process`);
    expect(found.message).not.toContain("leader l1");
  });
});

describe("a data directory", () => {
  it("has one owner at a time, and is free again when that one lets go", async () => {
    const first = await ownDataDirectory(directory);
    const found = await failure(() => ownDataDirectory(directory));
    expect(found.code).toBe(exitCode.owned);
    expect(found.message).toContain(`in use by process ${process.pid}`);
    await first.release();
    await (await ownDataDirectory(directory)).release();
  });
});

describe("a child that died", () => {
  it("is reported with its exit code, what that means, its last words and what to do", () => {
    const { members } = planCluster(directory, three, 4100);
    const [member] = members;
    if (!member) throw new Error("no member");
    mkdirSync(path.dirname(member.log), { recursive: true });
    const lines = [...Array.from({ length: 9 }, (_, index) => `line ${index}`)];
    lines.push(JSON.stringify({ level: "fatal", msg: "cannot go on", err: { message: "ENOSPC" } }));
    writeFileSync(member.log, `${lines.join("\n")}\n`);
    const report = deathReport(member, { code: 7, signal: null });
    expect(report).toContain("replica r1 ended: exit code 7 (a write or fsync failed");
    expect(report).toContain("fatal cannot go on: ENOSPC");
    expect(report).toContain("line 8");
    expect(report).not.toContain("line 1\n");
    expect(report).toContain("run it again");
  });
});

describe("the replicas to talk to", () => {
  it("are those of the cluster that up last started in the working directory", async () => {
    remember(planCluster(directory, { acceptors: 1, leaders: 1, replicas: 2 }, 4100), "c0ffee", directory);
    expect(await replicaTargets([], directory)).toEqual({
      addresses: ["127.0.0.1:4100", "127.0.0.1:4101"],
      cluster: "c0ffee",
    });
    expect(await replicaTargets(["other:1"], directory)).toEqual({
      addresses: ["other:1"],
      cluster: undefined,
    });
  });

  it("are those of a directory that was renamed, and not of a copy of it (rule 28)", async () => {
    const [project, renamed, copy] = ["project", "renamed", "copy"].map((name) => path.join(directory, name));
    if (!project || !renamed || !copy) throw new Error("no paths");
    const data = path.join(project, ".synod");
    mkdirSync(data, { recursive: true });
    remember(planCluster(data, { acceptors: 1, leaders: 1, replicas: 1 }, 4100), "c0ffee", project);
    renameSync(project, renamed);
    expect(await replicaTargets([], renamed)).toMatchObject({ cluster: "c0ffee" });
    cpSync(renamed, copy, { recursive: true });
    const refused = await failure(() => replicaTargets([], copy));
    expect(refused.message).toContain(`${path.join(copy, ".synod")} is a copy`);
    expect(refused.message).toContain("cluster c0ffee");
  });

  it("are asked for when no cluster is known, and must be addresses", async () => {
    const none = await failure(() => replicaTargets([], directory));
    expect(none.message).toContain("npx synod up");
    expect(none.message).toContain("--replica");
    const wrong = await failure(() => replicaTargets(["127.0.0.1", "h:99999", "h:1"], directory));
    expect(wrong).toMatchObject({ code: exitCode.usage });
    expect(wrong.message).toBe('--replica: expected HOST:PORT, found "127.0.0.1", "h:99999"');
  });
});

describe("the lines to try", () => {
  it("carry bytes as base64 and name the service in full", () => {
    const [put] = tryLines("127.0.0.1:4100");
    expect(put).toEqual({
      title: "put",
      grpcurl:
        'grpcurl -plaintext -d \'{"key":"greeting","value":"aGVsbG8="}\' 127.0.0.1:4100 synod.kv.v1.KeyValue/Put',
      buf: 'npx buf curl --protocol grpc --http2-prior-knowledge -d \'{"key":"greeting","value":"aGVsbG8="}\' http://127.0.0.1:4100/synod.kv.v1.KeyValue/Put',
    });
  });
});
