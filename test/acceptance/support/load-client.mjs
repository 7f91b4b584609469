// One client process of a load: keeps commands outstanding, each of which appends its own id to one of many lists in the
// replicated state. Talks to its parent by IPC: what was acknowledged, and when; what was not; why.
import { connect } from "@synod/client";

/** @typedef {{ name: string, replicas: string[], outstanding: number, lists: number, deadlineMs: number }} LoadOptions */
/** @typedef {{ kind: "acknowledged", ids: string[], at: number } | { kind: "failed", id: string, message: string } | { kind: "done", tried: number }} LoadReport */

/** @type {LoadOptions} */
const options = JSON.parse(process.argv[2] ?? "{}");
const client = connect({ replicas: options.replicas, deadlineMs: options.deadlineMs });
/** @type {{ Append(request: { key: string, value: Uint8Array }): Promise<unknown> }} */
const store = client.service("synod.kv.v1.KeyValue");
let stopping = false;
let number = 0;
/** @type {string[]} */
let acknowledged = [];

/** @param {LoadReport} report */
const tell = (report) => void process.send?.(report);

const flush = setInterval(() => {
  if (acknowledged.length === 0) return;
  // Wall clock, to the millisecond, is the same for all processes of one machine.
  tell({ kind: "acknowledged", ids: acknowledged, at: Date.now() });
  acknowledged = [];
}, 10);

async function worker() {
  while (!stopping) {
    const id = `${options.name}-${++number};`;
    const key = `list-${number % options.lists}`;
    try {
      await store.Append({ key, value: Buffer.from(id) });
      acknowledged.push(id);
    } catch (error) {
      tell({ kind: "failed", id, message: error instanceof Error ? error.message : String(error) });
    }
  }
}

process.on("message", () => {
  stopping = true;
});
const orphaned = () => process.exit(1);
process.on("disconnect", orphaned);
await Promise.all(Array.from({ length: options.outstanding }, worker));
clearInterval(flush);
tell({ kind: "acknowledged", ids: acknowledged, at: Date.now() });
tell({ kind: "done", tried: number });
client.close();
process.off("disconnect", orphaned);
process.disconnect?.();
