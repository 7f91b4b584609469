// A replica with a large state is killed and started again, and asked from the first moment on.
import { readFileSync } from "node:fs";
import { flagNumber } from "./support/flags.mjs";
import { equalReplicas } from "./support/load.mjs";
import { median } from "./support/pace.mjs";
import { Processes, until } from "./support/processes.mjs";
import { callRaw } from "./support/raw.mjs";
import { fill, rowKey, rowValue } from "./support/rows.mjs";

export const name = "restart";
export const promise =
  "a replica with a million keys answers stale and linearizable reads within 3 s of its start, rightly (median of 3)";

const id = "r3";
const get = "synod.kv.v1.KeyValue/Get";

/** @param {import("./run.mjs").Options} options `--keys N`, `--rounds N`, `--within MS` */
export async function run({ parameters, progress }) {
  const keys = flagNumber(parameters, "--keys", 1_000_000);
  const rounds = flagNumber(parameters, "--rounds", 3);
  const within = flagNumber(parameters, "--within", 3_000);
  const processes = await Processes.start();
  try {
    const filled = await fill(processes.replicas, keys, { progress });
    await onDisk(processes);
    const starts = [];
    for (let round = 0; round < rounds; round++) {
      await processes.kill(id);
      const begun = await readsAfterStart(processes, keys);
      progress(`start ${round + 1}: ${JSON.stringify(begun)}`);
      starts.push(begun);
      await processes.ready([id]);
    }
    const { equal } = await equalReplicas(processes);
    const wrong = starts.reduce((sum, start) => sum + start.wrong, 0);
    const staleMs = median(starts.map((start) => start.staleMs));
    const linearizableMs = median(starts.map((start) => start.linearizableMs));
    return {
      holds: wrong === 0 && equal && Math.max(staleMs, linearizableMs) < within,
      figures: { keys, filled, staleMs, linearizableMs, wrongAnswers: wrong, replicasEqual: equal, starts },
    };
  } finally {
    await processes.end();
  }
}

/** Waits until everything written is on the replica's own disk. @param {Processes} processes */
async function onDisk(processes) {
  await until("the replica to have everything on disk", async () => {
    const state = (await processes.status(id))?.state;
    const other = (await processes.status("r1"))?.state;
    if (state?.role !== "replica" || other?.role !== "replica") return false;
    return state.durableSlot === state.slotOut - 1 && state.slotOut === other.slotOut;
  });
}

/**
 * Starts it and reads keys from all over until each kind of read was answered. Written long before the kill, they must be
 * there from the first answer on.
 * @param {Processes} processes @param {number} keys
 */
async function readsAfterStart(processes, keys) {
  const startedAt = performance.now();
  processes.start(id);
  let wrong = 0;
  /** @param {Record<string, string>} metadata */
  const answered = async (metadata) => {
    let attempt = 0;
    await until(
      "an answer",
      async () => {
        const row = (++attempt * 7_919) % keys;
        const options = { metadata, deadlineMs: 5_000 };
        const { code, response } = await callRaw(processes.address(id), get, { key: rowKey(row) }, options);
        if (code !== "OK" && code !== "NOT_FOUND") return false;
        if (!rowValue(row).equals(response?.value ?? Buffer.alloc(0))) wrong++;
        return true;
      },
      60_000,
      10,
    );
    return Math.round(performance.now() - startedAt);
  };
  const [staleMs, linearizableMs] = await Promise.all([answered({ "synod-read": "stale" }), answered({})]);
  return { staleMs, linearizableMs, ...spentMs(processes.child(id).pid), wrong };
}

/** What the main thread of a process has worked so far, and for how long it was ready and had no processor. @param {number} pid */
function spentMs(pid) {
  const [worked = "0", waited = "0"] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "latin1").split(
    " ",
  );
  return {
    workedMs: Math.round(Number(worked) / 1e6),
    waitedForProcessorMs: Math.round(Number(waited) / 1e6),
  };
}
