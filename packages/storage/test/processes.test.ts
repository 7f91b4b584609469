import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { recordCodec } from "@synod/wire";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAcceptorStore, openAcceptorStore, openReplicaStore } from "../src/index.js";
import { bundleChild, type Child, start } from "./processes.js";
import { key, roundKeys, slotsPerRound, text } from "./samples.js";
import { failureOf, temporaryDirectory } from "./temporary.js";

const built = mkdtempSync(path.join(tmpdir(), "synod-storage-"));
let program: string;
beforeAll(async () => {
  program = await bundleChild(built);
});
afterAll(() => rmSync(built, { recursive: true, force: true }));

const run = (task: string, directory: string): Child => start(process.execPath, program, task, directory);

async function made(): Promise<string> {
  const directory = path.join(temporaryDirectory(), "store");
  await createAcceptorStore(directory, { id: "a1", codec: recordCodec });
  return directory;
}

describe("a process killed with SIGKILL", () => {
  test("leaves all that an acceptor committed, and its store free", async () => {
    const directory = await made();
    const child = run("accept", directory);
    expect(await child.line()).toBe("committed");
    await child.end("SIGKILL");
    const store = await openAcceptorStore(directory, { id: "a1", codec: recordCodec });
    expect(store.page(1, 1000, 1e9).accepted.map(({ slot }) => slot)).toEqual(
      Array.from({ length: 100 }, (_, index) => index + 1),
    );
    expect(store.identity.startCount).toBe(2);
    await store.close();
  });

  test("leaves whole slots of a replica, effects and log together", async () => {
    const directory = temporaryDirectory();
    const child = run("apply", directory);
    expect(await child.line()).toBe("flushed");
    await child.end("SIGKILL");
    const store = await openReplicaStore(directory, { id: "r1", clusterId: "c1" });
    expect([store.log.first, store.log.last, store.durableSlot]).toEqual([1, 10, 10]);
    expect(text(store.state.get(key("key 10")))).toBe("value");
    expect(store.state.get(key("key 11"))).toBeUndefined();
    await store.close();
  });

  test("leaves a snapshot that took the state's place, with its log, from the moment that it is told", async () => {
    const directory = temporaryDirectory();
    const child = run("replace", directory);
    expect(await child.line()).toBe("finish");
    await child.exited;
    const store = await openReplicaStore(directory, { id: "r1", clusterId: "c1", flushEveryMs: 0 });
    expect([...store.state.range({ from: key("") })].map(([name]) => text(name))).toEqual(["new"]);
    expect([store.log.first, store.log.last, store.log.bytes, store.durableSlot]).toEqual([0, 10, 0, 10]);
    expect([store.log.page(1, 10, 1e9), store.unfinishedInstall]).toEqual([
      { entries: [], next: 0 },
      undefined,
    ]);
    await store.close();
  });

  test("leaves the old state or the new of a snapshot it took in, whole, and what it had of the next", async () => {
    const directory = temporaryDirectory();
    // Of steps, not of milliseconds: the process is killed while it carries out what it said last.
    const deaths = [1, 2, 8, 14, 15, 16, 17, 3, 9, 14, 15, 16, 30, 31, 14];
    const found = { resumed: 0, installed: 0 };
    let installed = 0;
    for (const death of deaths) {
      const child = run("install", directory);
      for (let step = 0; step < death; step++) expect(await child.line()).toMatch(/^(begin|put|finish)/);
      await child.end("SIGKILL");
      const store = await openReplicaStore(directory, { id: "r1", clusterId: "c1", flushEveryMs: 0 });
      const { log, durableSlot } = store;
      const round = Math.floor(durableSlot / slotsPerRound);
      const state = [...store.state.range({ from: key("") })].map((entry) => entry.map(text).join("="));
      const applied = durableSlot % slotsPerRound === 0 ? [] : [`applied=${durableSlot}`];
      const keys = round === 0 ? [] : roundKeys.map((name) => `${text(name)}=${round}`);
      expect(state).toEqual([...applied, ...keys]);
      expect([log.last, log.first]).toEqual([
        durableSlot,
        applied.length > 0 ? round * slotsPerRound + 1 : 0,
      ]);
      const all = log.page(1, 1e6, 1e9).entries;
      expect(all.map(({ slot, value }) => [slot, text(value)])).toEqual(
        Array.from({ length: durableSlot % slotsPerRound }, (_, index) => {
          const slot = round * slotsPerRound + index + 1;
          return [slot, `slot ${slot}`];
        }),
      );
      expect(round).toBeGreaterThanOrEqual(installed);
      if (round > installed) found.installed++;
      installed = round;
      const { unfinishedInstall } = store;
      if (unfinishedInstall !== undefined) {
        const name = { id: `round ${round + 1}`, slot: (round + 1) * slotsPerRound };
        expect(unfinishedInstall).toEqual(name);
        const { after, progress } = await store.beginInstall(name);
        expect(text(after)).toBe(text(roundKeys[(progress[0] ?? 0) - 1]));
        if (after !== undefined) found.resumed++;
      }
      await store.close();
    }
    expect(found.resumed).toBeGreaterThan(3);
    expect(found.installed).toBeGreaterThan(3);
  });
});

describe("a data directory belongs to one process", () => {
  test("a second is refused, told who owns it and where, even while the owner is stopped", async () => {
    const directory = await made();
    const owner = run("own", directory);
    expect(await owner.line()).toBe("owner");
    const second = run("own", directory);
    const refusal = await second.line();
    expect(refusal).toMatch(/^owned /);
    expect(refusal).toContain(directory);
    expect(refusal).toContain(`in use by process ${owner.pid}.`);
    owner.signal("SIGSTOP");
    expect(await failureOf(openAcceptorStore(directory, { id: "a1", codec: recordCodec }))).toMatchObject({
      reason: "owned",
    });
    await owner.end("SIGKILL");
    const store = await openAcceptorStore(directory, { id: "a1", codec: recordCodec });
    await store.close();
  });

  test("traces of the dead do not own, whatever process has their pid now", async () => {
    const directory = await made();
    const child = run("own", directory);
    expect(await child.line()).toBe("owner");
    await child.end("SIGKILL");
    expect(readdirSync(directory).filter((name) => name.endsWith(".sock"))).toHaveLength(1);
    writeFileSync(path.join(directory, `owner-${process.pid}-0123456789ab.sock`), "");
    const store = await openAcceptorStore(directory, { id: "a1", codec: recordCodec });
    expect(readdirSync(directory).filter((name) => name.endsWith(".sock"))).toHaveLength(1);
    await store.close();
    expect(readdirSync(directory).filter((name) => name.endsWith(".sock"))).toEqual([]);
  });

  test("whoever lives in the directory owns it, under any pid", async () => {
    const directory = await made();
    const server = createServer().listen(path.join(directory, "owner-999999999-00.sock"));
    expect(await failureOf(openAcceptorStore(directory, { id: "a1", codec: recordCodec }))).toMatchObject({
      reason: "owned",
    });
    await new Promise((resolve) => server.close(resolve));
    await (await openAcceptorStore(directory, { id: "a1", codec: recordCodec })).close();
  });

  test("of many that start at once over a dead owner, at most one gets it", async () => {
    const directory = await made();
    for (let round = 0; round < 3; round++) {
      const children = Array.from({ length: 6 }, () => run("own", directory));
      const said = await Promise.all(children.map((child) => child.line()));
      expect(said.filter((line) => line === "owner").length).toBeLessThanOrEqual(1);
      expect(said.filter((line) => !/^owner$|^owned /.test(line ?? ""))).toEqual([]);
      await Promise.all(children.map((child) => child.end("SIGKILL")));
    }
    await (await openAcceptorStore(directory, { id: "a1", codec: recordCodec })).close();
  });

  test("a directory of any depth can be owned", async () => {
    const directory = path.join(temporaryDirectory(), "deep".repeat(40), "er".repeat(60));
    await createAcceptorStore(directory, { id: "a1", codec: recordCodec });
    const store = await openAcceptorStore(directory, { id: "a1", codec: recordCodec });
    expect(await failureOf(openAcceptorStore(directory, { id: "a1", codec: recordCodec }))).toMatchObject({
      reason: "owned",
    });
    await store.close();
  });
});

describe("a disk that takes no more", () => {
  test("fails the commit and every later one with our error, and keeps what was committed before", async () => {
    const directory = await made();
    // Files may not grow beyond 2 MiB; with the signal ignored, a write says so with an error.
    const limits = `trap "" XFSZ; ulimit -f 2048; exec "$@"`;
    const child = start("bash", "-c", limits, "bash", process.execPath, program, "fill", directory);
    const failure = await child.line();
    expect(failure).toMatch(/^failed failed \d+$/);
    expect(await child.line()).toBe("failed again");
    expect(await child.line()).toBeUndefined();
    expect(await child.exited).toBe(0);
    const store = await openAcceptorStore(directory, { id: "a1", codec: recordCodec });
    expect(`failed failed ${store.highestSlot()}`).toBe(failure);
    expect(store.highestSlot()).toBeGreaterThan(5);
    await store.close();
  });
});
