// A backup that is taken while three processes write, and a cluster made from it on other ports.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { freePorts, planCluster } from "@synod/cli";
import { connect } from "@synod/client";
import { root } from "./support/copy.mjs";
import { flagNumber } from "./support/flags.mjs";
import { equalReplicas, executions, Load, verify } from "./support/load.mjs";
import { Processes } from "./support/processes.mjs";

export const name = "backup";
export const promise =
  "a backup under load, restored elsewhere, has every command acknowledged before it began exactly once, and nothing twice";

const counts = { acceptors: 3, leaders: 3, replicas: 3 };
const valueBytes = 64 << 10;
const outstanding = 16;

/** @param {import("./run.mjs").Options} options `--megabytes N` of values besides the load's; `--commands N` before it */
export async function run({ parameters, progress }) {
  const megabytes = flagNumber(parameters, "--megabytes", 64);
  const commands = flagNumber(parameters, "--commands", 3_000);
  const directory = mkdtempSync(path.join(tmpdir(), "synod-backup-"));
  const file = path.join(directory, "backup");
  const old = await Processes.start();
  const load = new Load(old.replicas, { deadlineMs: 60_000 });
  /** @type {Processes | undefined} */
  let next;
  try {
    progress(`writing ${megabytes} MiB of values under load`);
    await load.moreUntil(fill(old.replicas, (megabytes << 20) / valueBytes));
    await load.more(Math.max(1, commands - load.acknowledged.size));

    const before = new Set(load.acknowledged);
    const savingFrom = Date.now();
    const saved = await load.moreUntil(
      synod(["snapshot", "save", file, ...old.replicas.flatMap((address) => ["--replica", address])]),
    );
    const savingUntil = Date.now();
    const meanwhile = load.acknowledged.size - before.size;
    progress(
      `saved ${saved.keys} keys in ${saved.seconds.toFixed(1)} s; ${meanwhile} commands acknowledged meanwhile`,
    );
    await load.more(500);
    await load.stop();

    const port = await freePorts(9);
    const data = path.join(directory, "restored");
    const restoringFrom = performance.now();
    const restored = await synod(["snapshot", "restore", file, "--data", data, "--port", `${port}`]);
    const restoreSeconds = (performance.now() - restoringFrom) / 1000;
    progress(`restored in ${restoreSeconds.toFixed(1)} s`);
    next = new Processes(planCluster(data, counts, port));
    for (const { id } of next.plan.members) next.start(id);
    await next.ready();

    const found = await verify(next.replicas, { acknowledged: before, failed: load.failed });
    const executed = { old: await executions(old.replicas), next: await executions(next.replicas) };
    const unknown = [...executed.next.keys()].filter((id) => !executed.old.has(id)).length;
    const oldFound = await verify(old.replicas, load);
    const { equal } = await equalReplicas(next);
    return {
      holds:
        found.lost + found.doubled + unknown + oldFound.lost + oldFound.doubled === 0 &&
        equal &&
        meanwhile > 0 &&
        executed.next.size < executed.old.size &&
        restored.cluster !== restored.from,
      figures: {
        acknowledgedBefore: found.acknowledged,
        acknowledgedWhileSaving: meanwhile,
        acknowledgedInAll: oldFound.acknowledged,
        restoredCommands: found.executed,
        lost: found.lost,
        doubled: found.doubled,
        neverExecutedInTheOldCluster: unknown,
        oldCluster: { lost: oldFound.lost, doubled: oldFound.doubled, failed: oldFound.failed },
        slot: saved.slot,
        keys: saved.keys,
        bytes: saved.bytes,
        saveSeconds: round(saved.seconds),
        restoreSeconds: round(restoreSeconds),
        longestGapWhileSavingMs: load.longestGap(savingFrom, savingUntil),
        newReplicasEqual: equal,
      },
    };
  } finally {
    load.kill();
    await Promise.all([old.end(), next?.end()]);
    rmSync(directory, { recursive: true, force: true });
  }
}

/** @param {number} seconds */
const round = (seconds) => Math.round(seconds * 10) / 10;

/** Values that make the state large. @param {string[]} replicas @param {number} values */
async function fill(replicas, values) {
  const client = connect({ replicas, deadlineMs: 60_000 });
  try {
    /** @type {{ Put(request: { key: string, value: Uint8Array }): Promise<unknown> }} */
    const store = client.service("synod.kv.v1.KeyValue");
    let number = 0;
    const worker = async () => {
      while (number < values)
        await store.Put({ key: `value-${number++}`, value: Buffer.alloc(valueBytes, number) });
    };
    await Promise.all(Array.from({ length: outstanding }, worker));
  } finally {
    client.close();
  }
}

/** One line of JSON from a `synod` of its own. @param {string[]} parameters */
async function synod(parameters) {
  const bin = path.join(root, "packages/cli/bin/synod.js");
  const { stdout } = await promisify(execFile)(process.execPath, [bin, ...parameters, "--json"]);
  return JSON.parse(stdout);
}
