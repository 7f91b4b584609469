// Services come and go: graceful stops under load, a killed parent, busy and missing stores, any order of starting.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { freePorts } from "@synod/cli";
import { root } from "./support/copy.mjs";
import { Load, verify } from "./support/load.mjs";
import { runService, synod } from "./support/one-service.mjs";
import { Processes, until } from "./support/processes.mjs";
import { callRaw } from "./support/raw.mjs";

export const name = "lifecycle";
export const promise =
  "graceful stops, no orphans, one owner per store, any starting order, and stores that must not vote do not";

/** @param {{ parameters: string[], progress: (line: string) => void }} options */
export async function run({ progress }) {
  /** @type {Record<string, { right: boolean } & Record<string, unknown>>} */
  const figures = {};
  for (const [what, show] of Object.entries(shows)) {
    figures[what] = await show();
    progress(`${what}: ${JSON.stringify(figures[what])}`);
  }
  return { holds: Object.values(figures).every(({ right }) => right), figures };
}

const shows = {
  "SIGTERM under load": terminatedUnderLoad,
  "kill -9 of synod up": parentKilled,
  "a second process on one store": secondOwner,
  "started in random order, seconds apart": startedInAnyOrder,
  "an acceptor without its store": withoutStore,
  "an acceptor with a new store under its old name": newStore,
};

async function terminatedUnderLoad() {
  const processes = await Processes.start();
  const load = new Load(processes.replicas, { outstanding: 24 });
  try {
    await load.more(500);
    /** @type {Record<string, { code: number | null, ms: number }>} */
    const stops = {};
    for (const role of ["acceptor", "leader", "replica"]) {
      const id =
        role === "leader" ? ((await processes.activeLeader()) ?? "l1") : (processes.ids(role)[0] ?? "");
      const startedAt = performance.now();
      processes.signal(id, "SIGTERM");
      const { code } = await processes.child(id).ended;
      stops[id] = { code, ms: Math.round(performance.now() - startedAt) };
      await load.more(200);
      processes.start(id);
      await processes.ready([id]);
    }
    await load.stop();
    const verified = await verify(processes.replicas, load);
    const graceful = Object.values(stops).every(({ code, ms }) => code === 0 && ms < 5_000);
    return { right: graceful && verified.lost === 0 && verified.doubled === 0, stops, ...verified };
  } finally {
    load.kill();
    await processes.end();
  }
}

async function parentKilled() {
  const directory = mkdtempSync(path.join(tmpdir(), "synod-up-"));
  const bin = path.join(root, "packages/cli/bin/synod.js");
  const port = await freePorts(9);
  const up = spawn(
    process.execPath,
    [bin, "up", "--json", "--data", path.join(directory, "data"), "--port", String(port)],
    {
      cwd: directory,
      stdio: ["ignore", "pipe", "ignore"],
    },
  );
  try {
    let printed = "";
    up.stdout.setEncoding("utf8").on("data", (text) => {
      printed += text;
    });
    await until("synod up to be ready", () => printed.includes("\n"), 60_000);
    const { replicas, leaders, acceptors } = JSON.parse(printed);
    /** @type {number[]} */
    const pids = [...replicas, ...leaders, ...acceptors].map(({ pid }) => pid);
    const killedAt = performance.now();
    up.kill("SIGKILL");
    await until("the children to end", () => !pids.some(isAlive), 30_000);
    const ms = Math.round(performance.now() - killedAt);
    return { right: pids.length === 9 && ms < 5_000, children: pids.length, goneAfterMs: ms };
  } finally {
    up.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  }
}

async function secondOwner() {
  const processes = await Processes.start();
  try {
    /** @type {Record<string, unknown>} */
    const refusals = {};
    let right = true;
    for (const id of ["a1", "r1"]) {
      const { role, config } = processes.member(id);
      const port = await freePorts(1);
      const { code, stderr } = await runService(role, ["--config", config, "--listen", `127.0.0.1:${port}`]);
      const owner = String(processes.child(id).pid);
      right &&= code === 6 && stderr.includes(owner) && stderr.includes(processes.member(id).data);
      refusals[id] = { code, says: stderr.trim() };
    }
    return { right, refusals };
  } finally {
    await processes.end();
  }
}

async function startedInAnyOrder() {
  const processes = await Processes.prepare();
  try {
    const order = processes.plan.members
      .map(({ id }) => ({ id, at: Math.random() }))
      .sort((a, b) => a.at - b.at);
    for (const { id } of order) {
      processes.start(id);
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
    await processes.ready();
    const put = await callRaw(processes.address("r2"), "synod.kv.v1.KeyValue/Put", {
      key: "k",
      value: Buffer.from("v"),
    });
    return { right: put.code === "OK", order: order.map(({ id }) => id).join(" "), put: put.code };
  } finally {
    await processes.end();
  }
}

async function withoutStore() {
  const processes = await Processes.prepare();
  try {
    const { config, data } = processes.member("a1");
    renameSync(data, `${data}.away`);
    const missing = await runService("acceptor", ["--config", config]);
    const made = existsSync(data);
    mkdirSync(data, { recursive: true });
    const empty = await runService("acceptor", ["--config", config]);
    const says = [missing, empty].map(({ stderr }) => stderr.trim());
    const right = missing.code === 4 && empty.code === 4 && !made && says.every((text) => /init/.test(text));
    return { right, missing: missing.code, empty: empty.code, madeByStarting: made, says };
  } finally {
    await processes.end();
  }
}

async function newStore() {
  const processes = await Processes.start();
  try {
    await callRaw(processes.address("r1"), "synod.kv.v1.KeyValue/Put", { key: "k", value: Buffer.from("v") });
    const { data } = processes.member("a1");
    const old = JSON.parse(readFileSync(processes.plan.clusterFile, "utf8")).acceptors[0].store;
    await processes.kill("a1");
    rmSync(data, { recursive: true });
    const made = await runService("acceptor", ["init", "--data", data, "--id", "a1"]);
    processes.start("a1");
    await until("the new store to answer", async () => (await processes.status("a1")) !== undefined);
    // With a1 not counted, a2 and a3 are the majority; without a2 there is none, though two acceptors answer.
    const withTwo = await callRaw(processes.address("r1"), "synod.kv.v1.KeyValue/Put", {
      key: "k",
      value: Buffer.from("w"),
    });
    await processes.kill("a2");
    const stuck = await callRaw(
      processes.address("r1"),
      "synod.kv.v1.KeyValue/Put",
      { key: "k", value: Buffer.from("x") },
      { deadlineMs: 3_000 },
    );
    const { stdout: status } = await synod(
      ["status", "--replica", processes.address("r1")],
      processes.plan.directory,
    );
    const problem = (await processes.status("a1"))?.problem ?? "";
    processes.start("a2");
    const after = await callRaw(
      processes.address("r1"),
      "synod.kv.v1.KeyValue/Put",
      { key: "k", value: Buffer.from("y") },
      { deadlineMs: 10_000 },
    );
    const said = status.includes(made.stdout.trim()) && problem.includes(old);
    return {
      right: withTwo.code === "OK" && stuck.code === "DEADLINE_EXCEEDED" && after.code === "OK" && said,
      withTheOtherTwo: withTwo.code,
      withOneOfThem: `${stuck.code}: ${stuck.message}`,
      withBothAgain: after.code,
      statusSaysSo: said,
      problem,
    };
  } finally {
    await processes.end();
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
