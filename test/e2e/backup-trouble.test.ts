// Backups that are damaged, restores that are interrupted, and members of the new cluster that are not there.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import {
  askStatus,
  Child,
  freePorts,
  type PlannedMember,
  planCluster,
  SnapshotFile,
  SnapshotWriter,
} from "@synod/cli";
import { nextDigest, noDigest } from "@synod/node";
import type { StateEntry } from "@synod/storage";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { callRaw } from "../acceptance/support/raw.mjs";
import { Workplace } from "./synod-command.js";

const place = new Workplace();
const file = path.join(place.directory, "backup");
const keyValue = "synod.kv.v1.KeyValue";
let saved: { slot: number };

beforeAll(async () => {
  const port = await freePorts(3);
  const counts = ["--acceptors", "1", "--leaders", "1", "--replicas", "1"];
  const up = place.start("up", "--json", "--port", `${port}`, ...counts);
  await up.printed(/^\{.*\}$/m);
  expect(await place.run("kv", "put", "colour", "deep blue")).toMatchObject({ code: 0 });
  const saving = await place.run("snapshot", "save", file, "--json");
  expect(saving).toMatchObject({ code: 0 });
  saved = JSON.parse(saving.stdout);
  up.child.kill("SIGINT");
  await up.ended;
});

afterAll(() => place.end());

/** The backup with so many pages more of keys that no service reads. */
async function largerBackup(pages: number): Promise<string> {
  const larger = path.join(place.directory, "larger");
  const source = await SnapshotFile.open(file);
  const writer = await SnapshotWriter.create(larger, true);
  await writer.begin(source.header);
  let digest = noDigest;
  const add = (page: readonly StateEntry[]) => {
    digest = nextDigest(digest, page);
    return writer.page(page, digest);
  };
  const rest: StateEntry[] = [];
  for await (const page of source.pages()) {
    await add(page.filter(([key]) => (key[0] as number) < 0x75));
    rest.push(...page.filter(([key]) => (key[0] as number) >= 0x75));
  }
  await source.close();
  for (let number = 0; number < pages; number++)
    await add([[Buffer.from(`tzz\0${String(number).padStart(6, "0")}`), Buffer.alloc(10_000)]]);
  await add([...rest, [Buffer.from("vzz"), Buffer.from("1")]]);
  await writer.finish(true);
  return larger;
}

describe("synod snapshot", () => {
  it("ends with 5 and makes nothing of a damaged file", async () => {
    const bytes = readFileSync(file);
    const at = bytes.indexOf("deep blue");
    bytes.write("pale", at);
    const changed = path.join(place.directory, "changed");
    writeFileSync(changed, bytes);
    const directory = path.join(place.directory, "from-damaged");
    for (const args of [["show"], ["restore", "--data", directory]]) {
      const [command = "", ...flags] = args;
      const ended = await place.run("snapshot", command, changed, ...flags);
      expect(ended).toMatchObject({ code: 5, stdout: "" });
      expect(ended.stderr).toMatch(/expected a whole backup, found that the digest of page \d+ is wrong/);
    }
    expect(existsSync(directory)).toBe(false);
  });

  it("restores into no directory that holds anything", async () => {
    const refused = await place.run(
      "snapshot",
      "restore",
      file,
      "--data",
      path.join(place.directory, ".synod"),
    );
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/expected a directory that is empty or not there yet, found .*cluster/);
  });

  it("leaves nothing when a restore is interrupted, and what up refuses when it is killed", async () => {
    const larger = await largerBackup(1_500);
    const directory = path.join(place.directory, "interrupted");
    const begin = async () => {
      const args = ["snapshot", "restore", larger, "--data", directory, "--port", `${await freePorts(9)}`];
      const running = place.start(...args);
      const store = path.join(directory, "restoring", "r3", "data.mdb");
      await vi.waitFor(() => expect(existsSync(store)).toBe(true), { interval: 5 });
      return running;
    };
    const polite = await begin();
    polite.child.kill("SIGINT");
    const interrupted = await polite.ended;
    expect(interrupted).toMatchObject({ code: 1, stdout: "" });
    expect(interrupted.stderr).toContain("interrupted: nothing was restored");
    expect(existsSync(directory)).toBe(false);

    const killed = await begin();
    killed.child.kill("SIGKILL");
    await killed.ended;
    expect(readdirSync(directory)).toContain("restoring");
    const refused = await place.run("up", "--data", directory, "--port", `${await freePorts(9)}`);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(
      'found a restore that was interrupted: run "synod snapshot restore" again',
    );
    const again = await place.run("snapshot", "restore", larger, "--data", directory);
    expect(again).toMatchObject({ code: 0 });
    expect(again.stdout).toContain("It needs the modules (--service) of zz.");
    expect(readdirSync(directory)).toEqual(["cluster"]);
  });
});

describe("the acceptors of a restored cluster", () => {
  const children = new Map<string, Child>();

  afterAll(async () => {
    for (const child of children.values()) child.signal("SIGKILL");
    await Promise.all([...children.values()].map((child) => child.ended));
  });

  // Nobody else is there to say that these slots are decided, and the replica that lost its disk knows of none.
  it("let no leader give a slot of the backup away, though only a replica without the state is there", async () => {
    const directory = path.join(place.directory, "small");
    const port = await freePorts(4);
    const counts = ["--acceptors", "1", "--leaders", "1", "--replicas", "2"];
    const restoring = await place.run(
      ...["snapshot", "restore", file, "--data", directory, "--port", `${port}`],
      ...counts,
    );
    expect(restoring).toMatchObject({ code: 0 });
    const { members } = planCluster(directory, { acceptors: 1, leaders: 1, replicas: 2 }, port);
    const member = (id: string) => members.find((one) => one.id === id) as PlannedMember;
    const start = (id: string) => children.set(id, new Child(member(id)));
    const stateOf = async (id: string) => (await askStatus(member(id).address, 1_000)).state;
    rmSync(member("r2").data, { recursive: true });

    for (const id of ["a1", "l1", "r2"]) start(id);
    await vi.waitFor(async () => expect(await stateOf("l1")).toMatchObject({ phase: "active" }));
    const above = expect.toSatisfy((slotOut: number) => slotOut > saved.slot);
    expect(await stateOf("l1")).toMatchObject({ slotOut: above });
    expect(await stateOf("r2")).toMatchObject({ slotOut: 1 });
    expect(await stateOf("a1")).toMatchObject({ trimmedBelow: saved.slot + 1 });

    start("r1");
    await vi.waitFor(async () => expect((await askStatus(member("r2").address, 1_000)).serving).toBe(true));
    const stale = { metadata: { "synod-read": "stale" } };
    const get = await callRaw(member("r2").address, `${keyValue}/Get`, { key: "colour" }, stale);
    expect(get.response.value.toString()).toBe("deep blue");
  });
});
