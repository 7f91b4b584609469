// Crash points of an installed snapshot: a replica that was away long comes back with its old disk, and takes the state of
// another in. All rows were overwritten meanwhile, so that a mixture of both states would show.
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { StateContents } from "@synod/state-machine";
import { openReplicaStore } from "@synod/storage";
import { Processes, until } from "./processes.mjs";
import { callRaw } from "./raw.mjs";
import { fill, pushLogOn, rowKey, rowValue } from "./rows.mjs";
import { snapshotOf } from "./snapshots.mjs";
import { WrappedChild } from "./wrapped.mjs";

/** @typedef {import("./crash-points.mjs").Scenario} Scenario */
/** @typedef {import("@synod/cli").PlannedMember} PlannedMember */

/** Two that come back, so that two runs do not share an address. */
const victims = ["r2", "r3"];
const source = "r1";
/** It confirms what the source gives (rule 27). */
const confirmer = "r4";
const rows = 2_500;
const withinMs = 60_000;

/**
 * @param {string} [copy] a built copy of the repository whose replica is killed
 * @returns {Promise<Scenario & { end: () => Promise<void> }>}
 */
export async function installScenario(copy) {
  const processes = await Processes.start({ acceptors: 1, leaders: 1, replicas: 4 });
  try {
    await fill(processes.replicas, rows, { round: "old" });
    await settled(processes);
    for (const id of victims) {
      processes.signal(id, "SIGTERM");
      await processes.child(id).ended;
      cpSync(processes.member(id).data, oldData(processes, id), { recursive: true });
      processes.start(id);
    }
    await processes.ready();
    await fill(processes.replicas, rows, { round: "new" });
    await pushLogOn(processes.replicas);
    await settled(processes);
    // It knows what was decided from the acceptor, which has let go of it.
    for (const id of [...victims, "l1"]) await processes.kill(id);
    processes.start("l1");
    await processes.ready(["l1", source, confirmer, "a1"]);
  } catch (error) {
    await processes.end();
    throw error;
  }
  return {
    name: "install",
    end: () => processes.end(),
    play: async (before, folder, worker) => {
      const member = memberIn(folder, processes, victims[worker] ?? "");
      const child = new WrappedChild(member, { before, ...(copy && { folder: copy }) });
      const installed = await caughtUp(processes, child);
      child.signal("SIGTERM");
      const { signal, code } = await child.ended;
      const killed = signal === "SIGKILL";
      const problems = killed || code === 0 ? [] : [`it ended with ${code ?? signal}`];
      problems.push(
        ...(await mixture(processes, folder, member)),
        ...(await afterRestart(processes, member)),
      );
      return { killed, told: installed ? 1 : 0, problems };
    },
  };
}

/** @param {Processes} processes @param {string} id */
const oldData = (processes, id) => path.join(processes.plan.directory, `old-${id}`);

/** Waits until every replica has the same on its disk, and nobody has anything to report. @param {Processes} processes */
async function settled(processes) {
  await until("all replicas to have the same on disk", async () => {
    const states = await Promise.all(processes.ids("replica").map((id) => processes.status(id)));
    const told = states.map((status) =>
      status?.state.role === "replica" && status.state.durableSlot === status.state.slotOut - 1
        ? `${status.state.slotOut} ${status.state.trimPoint}`
        : "not yet",
    );
    const [slotOut = 0, trimPoint = 0] = (told[0] ?? "").split(" ").map(Number);
    return new Set(told).size === 1 && trimPoint > 0 && slotOut - trimPoint < 20;
  });
}

/** A disk as it was long ago, and a configuration. @param {string} folder @param {Processes} processes @param {string} id @returns {PlannedMember} */
function memberIn(folder, processes, id) {
  const template = processes.member(id);
  const data = path.join(folder, "data");
  cpSync(oldData(processes, id), data, { recursive: true });
  const config = path.join(folder, "config.json");
  const settings = JSON.parse(readFileSync(template.config, "utf8"));
  const cluster = path.resolve(path.dirname(template.config), settings.cluster);
  writeFileSync(config, JSON.stringify({ ...settings, cluster, data }));
  return { ...template, data, config, log: path.join(folder, "log") };
}

/** Waits until it has all that the others have; false when it ends before. @param {Processes} processes @param {WrappedChild} child */
async function caughtUp(processes, child) {
  const { id } = child.member;
  await until(
    `${id} to catch up or end`,
    async () => {
      if (!child.running) return true;
      const [own, its] = await Promise.all([processes.status(id), processes.status(source)]);
      if (own?.state.role !== "replica" || its?.state.role !== "replica") return false;
      return own.state.slotOut === its.state.slotOut && own.state.hash === its.state.hash;
    },
    withinMs,
  );
  return child.running;
}

/**
 * Looks at a copy of what the kill left: it must be one state or the other, whole.
 * @param {Processes} processes @param {string} folder @param {PlannedMember} member
 */
async function mixture(processes, folder, { id, data }) {
  const copied = path.join(folder, "looked-at");
  cpSync(data, copied, { recursive: true, filter: (file) => !file.endsWith(".sock") });
  const clusterId = (await processes.status(source))?.clusterId ?? "";
  const store = await openReplicaStore(copied, { id, clusterId, flushEveryMs: 0 });
  try {
    const found = { old: 0, new: 0, other: 0 };
    const range = { from: Buffer.from("tsynod.kv.v1.KeyValue"), until: Buffer.from("u") };
    for (const [key, value] of store.state.range(range)) {
      const name = /row-(\d+)/.exec(Buffer.from(key).toString("latin1"))?.[1];
      if (name === undefined) continue;
      const stored = Buffer.from(value);
      if (stored.includes(rowValue(Number(name), "old"))) found.old++;
      else if (stored.includes(rowValue(Number(name), "new"))) found.new++;
      else found.other++;
    }
    const problems = [];
    if (found.other > 0 || Math.max(found.old, found.new) !== rows || Math.min(found.old, found.new) !== 0)
      problems.push(`a mixture is on disk: ${JSON.stringify(found)}`);
    const key = Buffer.from("a");
    const contents = new StateContents();
    try {
      contents.add([[key, store.state.get(key) ?? Buffer.alloc(0)]]);
      contents.applied(store.durableSlot);
    } catch (error) {
      problems.push(`the log ends with slot ${store.durableSlot}: ${/** @type {Error} */ (error).message}`);
    }
    return problems;
  } finally {
    await store.close();
  }
}

/**
 * Starts it on what is there: it must come to the others' hash, and to the very rows that they have.
 * @param {Processes} processes @param {PlannedMember} member
 */
async function afterRestart(processes, member) {
  const child = new WrappedChild(member, {});
  try {
    if (!(await caughtUp(processes, child)))
      return [`it does not start again: ${readFileSync(member.log, "utf8").trimEnd().split("\n").at(-1)}`];
    const problems = [];
    for (const row of [0, 1, rows - 1]) {
      const options = { metadata: { "synod-read": "stale" } };
      const { response } = await callRaw(
        member.address,
        "synod.kv.v1.KeyValue/Get",
        { key: rowKey(row) },
        options,
      );
      if (!rowValue(row, "new").equals(response?.value ?? Buffer.alloc(0)))
        problems.push(`row ${row} is read with another value`);
    }
    return [...problems, ...(await differenceOf(member.address, processes.address(source)))];
  } finally {
    child.signal("SIGKILL");
    await child.ended;
  }
}

/** Compares all rows of two replicas, at a slot that both have on disk. @param {string} address @param {string} other */
async function differenceOf(address, other) {
  /** @type {string[]} */
  let problems = [];
  await until(
    "both replicas to have the same slot on disk",
    async () => {
      const [own, its] = [await snapshotOf(address), await snapshotOf(other)];
      if (own === undefined || its === undefined || own.slot !== its.slot) return false;
      if (own.digest !== its.digest) problems = [`its rows at slot ${own.slot} are not those of ${source}`];
      return true;
    },
    withinMs,
    200,
  );
  return problems;
}
