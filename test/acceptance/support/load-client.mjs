// One client process of a load: keeps commands outstanding, each of which appends its own id to one of many lists in the
// replicated state. Talks to its parent by IPC: what was acknowledged, and when; what was not; why.
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "@synod/client";
import { loadServices } from "@synod/wire";

/**
 * @typedef {{ name: string, replicas: string[], outstanding: number, pauseMs: number, lists: number, deadlineMs: number, tally?: string }} LoadOptions
 *   `pauseMs`: from the end of a command to the beginning of the one after it
 *   `tally`: a file with the descriptors of a service, whose Note is called instead of the key-value store's Append
 */
/** @typedef {{ kind: "acknowledged", ids: string[], at: number } | { kind: "failed", id: string, message: string } | { kind: "done", tried: number }} LoadReport */

/** @type {LoadOptions} */
const options = JSON.parse(process.argv[2] ?? "{}");
const client = connect({ replicas: options.replicas, deadlineMs: options.deadlineMs });
const append = options.tally === undefined ? toStore() : toTally(options.tally);
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

/** @returns {(list: string, id: string) => Promise<unknown>} */
function toStore() {
  /** @type {{ Append(request: { key: string, value: Uint8Array }): Promise<unknown> }} */
  const store = client.service("synod.kv.v1.KeyValue");
  return (key, id) => store.Append({ key, value: Buffer.from(id) });
}

/** @param {string} descriptors @returns {(list: string, id: string) => Promise<unknown>} */
function toTally(descriptors) {
  const [[service = "", described] = []] = loadServices(readFileSync(descriptors)).services;
  const note = described?.methods.get("Note");
  if (note === undefined) throw new Error(`${descriptors} has no ${service}/Note`);
  return (list, id) => client.execute(service, "Note", note.encodeRequest({ list, id }));
}

async function worker() {
  while (!stopping) {
    const id = `${options.name}-${++number};`;
    try {
      await append(`list-${number % options.lists}`, id);
      acknowledged.push(id);
    } catch (error) {
      tell({ kind: "failed", id, message: error instanceof Error ? error.message : String(error) });
    }
    if (options.pauseMs > 0) await delay(options.pauseMs);
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
