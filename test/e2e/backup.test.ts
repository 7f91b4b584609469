// Backups as a user makes them: a cluster, a file, and another cluster from it.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePorts } from "@synod/cli";
import { connect } from "@synod/client";
import { clusterIdOf, readClusterFile } from "@synod/node";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { callRaw } from "../acceptance/support/raw.mjs";
import { ServiceProcess } from "./service-process.js";
import { type Member, type ReadyLine, type SynodProcess, Workplace } from "./synod-command.js";

const old = new Workplace();
const fresh = new Workplace();
const file = path.join(old.directory, "backup");
const restored = path.join(fresh.directory, "restored");
const calculator = "synod.calculator.v1.Calculator";
const keyValue = "synod.kv.v1.KeyValue";

let oldUp: SynodProcess;
let freshUp: SynodProcess;
let oldReady: ReadyLine;
let freshReady: ReadyLine;
let freshPort: number;
const members = ["--acceptors", "3", "--leaders", "1", "--replicas", "2"];

/** Between two appends: each writes the whole list, and a long one shows nothing that a short one does not. */
const pauseMs = 10;
/** Sessions of the old cluster, opened before the backup and after it. */
let before: string;
let after: string;
/** Appended by the old cluster's clients, in order, and how many of them were acknowledged before the backup began. */
let appended = 0;
let appendedBefore = 0;
let savedText: { slot: number; cluster: string };

async function ready(up: SynodProcess): Promise<ReadyLine> {
  const [line] = await up.printed(/^\{.*\}$/m);
  return JSON.parse(line) as ReadyLine;
}

const addressOf = ({ replicas }: ReadyLine) => (replicas[0] as Member).address;
const clusterFileOf = (directory: string) => path.join(directory, "cluster", "cluster.json");

async function openSession(cluster: ReadyLine): Promise<string> {
  const { response } = await callRaw(addressOf(cluster), "synod.v1.Replica/OpenSession", {});
  expect(response.clientId).toMatch(/^\d/);
  return response.clientId;
}

/** An addition as the first command of a session; the same each time, so that a second one is a repeat. */
function addFive(cluster: ReadyLine, session: string) {
  const metadata = { "synod-client-id": session, "synod-sequence": "1" };
  return callRaw(addressOf(cluster), `${calculator}/Add`, { operand: "5" }, { metadata });
}

async function calculated(cluster: ReadyLine): Promise<string> {
  return (await callRaw(addressOf(cluster), `${calculator}/Value`, {})).response.value;
}

async function listOf(cluster: ReadyLine): Promise<string[]> {
  const { response } = await callRaw(addressOf(cluster), `${keyValue}/Get`, { key: "list" });
  return response.value.toString().split(";").filter(Boolean);
}

/** Saves a backup while one client appends to a list, so that writes come before, meanwhile and afterwards. */
async function saveWhileWriting(): Promise<void> {
  const client = connect({ replicas: oldReady.replicas.map(({ address }) => address) });
  const store = client.service<{ Append(request: object): Promise<unknown> }>(keyValue);
  let over = false;
  const append = async () => {
    await store.Append({ key: "list", value: Buffer.from(`${appended + 1};`) });
    appended++;
    await delay(pauseMs);
  };
  const writing = (async () => {
    while (!over) await append();
  })();
  try {
    await vi.waitFor(() => expect(appended).toBeGreaterThan(50));
    appendedBefore = appended;
    const saving = await old.run("snapshot", "save", file, "--json");
    expect(saving).toMatchObject({ code: 0 });
    savedText = JSON.parse(saving.stdout);
  } finally {
    over = true;
    await writing;
    client.close();
  }
}

beforeAll(async () => {
  const oldPort = await freePorts(9);
  oldUp = old.start("up", "--json", "--port", String(oldPort), ...members);
  oldReady = await ready(oldUp);
  before = await openSession(oldReady);
  expect((await addFive(oldReady, before)).response).toEqual({ value: "5" });
  expect(await old.run("kv", "put", "colour", "deep blue")).toMatchObject({ code: 0 });
  await saveWhileWriting();
  after = await openSession(oldReady);
  expect((await addFive(oldReady, after)).response).toEqual({ value: "10" });
  expect(await old.run("kv", "put", "later", "than the backup")).toMatchObject({ code: 0 });

  freshPort = await freePorts(9);
  const restoring = await fresh.run(
    "snapshot",
    "restore",
    file,
    "--data",
    restored,
    "--port",
    `${freshPort}`,
    ...members,
  );
  expect(restoring).toMatchObject({ code: 0 });
  expect(restoring.stdout).toContain(`npx synod up --data ${restored}`);
  freshUp = fresh.start("up", "--json", "--data", restored);
  freshReady = await ready(freshUp);
});

afterAll(async () => {
  await fresh.end();
  await old.end();
});

it("synod snapshot show tells what is in a backup: slot, cluster, services, keys, log time", async () => {
  const shown = await old.run("snapshot", "show", file);
  expect(shown.code).toBe(0);
  expect(shown.stdout).toMatch(/synod\.calculator\.v1\.Calculator +1 +1 +\d+ B/);
  expect(shown.stdout).toMatch(/log time +20\d\d-/);
  const { confirmed, keys, sessions, services } = JSON.parse(
    (await old.run("snapshot", "show", file, "--json")).stdout,
  );
  const { slot, cluster } = savedText;
  let others = "not confirmed by other replicas yet";
  if (confirmed > 0) others = `confirmed by a majority of the replicas up to slot ${confirmed}`;
  if (confirmed >= slot) others = "confirmed by a majority of the replicas";
  expect(shown.stdout).toMatch(new RegExp(`slot +${slot}, ${others}\\n +cluster +${cluster}\\n`));
  expect(sessions).toBeGreaterThan(3);
  expect(keys).toBeGreaterThan(sessions);
  expect(services.map(({ name }: { name: string }) => name)).toContain(keyValue);
});

describe("a cluster restored from a backup", () => {
  it("has the keys as of the backup's slot: all from before it, and of the rest a beginning", async () => {
    expect(await fresh.run("kv", "get", "colour")).toMatchObject({ code: 0, stdout: "deep blue\n" });
    expect(await fresh.run("kv", "get", "later")).toMatchObject({ code: 1 });
    const list = await listOf(freshReady);
    expect(list).toEqual(list.map((_, index) => `${index + 1}`));
    expect(list.length).toBeGreaterThanOrEqual(appendedBefore);
    expect(list.length).toBeLessThan(appended);
  });

  it("executes no command again that was executed before the backup, and goes on counting", async () => {
    expect((await addFive(freshReady, before)).response).toEqual({ value: "5" });
    expect(await calculated(freshReady)).toBe("5");
    const again = { "synod-client-id": before, "synod-sequence": "2" };
    const add = await callRaw(
      addressOf(freshReady),
      `${calculator}/Add`,
      { operand: "1" },
      { metadata: again },
    );
    expect(add.response).toEqual({ value: "6" });
  });

  it("refuses the sessions that the old cluster opened after the backup, and gives none their names", async () => {
    const cluster = clusterId(restored).slice(0, 12);
    expect(after.split(".")).toEqual([expect.anything(), "0", savedText.cluster.slice(0, 12)]);
    expect((await openSession(freshReady)).split(".")).toEqual([expect.anything(), "0", cluster]);
    expect(await addFive(freshReady, after)).toMatchObject({
      code: "FAILED_PRECONDITION",
      message: expect.stringContaining(
        `session ${after} belongs to another cluster than this (${cluster}): it was not executed here`,
      ),
    });
    expect(await calculated(freshReady)).toBe("6");
  });

  it("begins behind the backup's slot, and shows no slot below it", async () => {
    const log = await fresh.run("log", "--limit", "1", "--json");
    expect(JSON.parse(log.stdout).slot).toBe(savedText.slot + 1);
  });

  it("is another cluster, which no member of the old one can join", async () => {
    expect(clusterId(restored)).not.toBe(savedText.cluster);
    expect(clusterId(path.join(old.directory, ".synod"))).toBe(savedText.cluster);
    for (const role of ["replica", "acceptor"] as const) {
      const [{ id }] = oldReady[`${role}s`] as [Member];
      const data = path.join(old.directory, ".synod", "cluster", id);
      // A copy: the old member runs.
      const copy = path.join(fresh.directory, `copy-of-${id}`);
      mkdirSync(copy);
      writeFileSync(path.join(copy, "data.mdb"), readFileSync(path.join(data, "data.mdb")));
      const port = await freePorts(1);
      const joining = new ServiceProcess(role, [
        ...["--id", id, "--cluster", clusterFileOf(restored), "--data", copy],
        ...["--listen", `127.0.0.1:${port}`],
      ]);
      const ended = await joining.ended;
      expect(ended.code).toBe(5);
      expect(ended.stderr).toContain(`found one of cluster ${savedText.cluster}`);
    }
  });

  it("leaves the old cluster as it was, and going on", async () => {
    expect(await old.run("kv", "get", "later")).toMatchObject({ code: 0, stdout: "than the backup\n" });
    expect(await calculated(oldReady)).toBe("10");
    expect(await listOf(oldReady)).toHaveLength(appended);
    expect((await addFive(oldReady, after)).response).toEqual({ value: "10" });
    expect(await old.run("status")).toMatchObject({ code: 0 });
  });

  it("resumes like any other after a stop", async () => {
    freshUp.child.kill("SIGINT");
    expect(await freshUp.ended).toMatchObject({ code: 0 });
    freshUp = fresh.start("up", "--json", "--data", restored);
    freshReady = await ready(freshUp);
    expect(freshReady.replicas[0]?.address).toBe(`127.0.0.1:${freshPort}`);
    expect((await addFive(freshReady, before)).response).toEqual({ value: "5" });
    expect(await calculated(freshReady)).toBe("6");
  });
});

function clusterId(directory: string): string {
  return clusterIdOf(readClusterFile(clusterFileOf(directory)));
}
