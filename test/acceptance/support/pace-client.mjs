// One client process of a measured load: puts into a bounded set of keys, either so many commands outstanding at all times
// or so many a second, and tells its parent by IPC how long each took.
import { connect } from "@synod/client";

/**
 * @typedef {{ replicas: string[], keys: number, valueBytes: number }} PaceOptions
 * @typedef {{ kind: "outstanding", count: number, commands: number } | { kind: "rate", perSecond: number } | { kind: "stop" }} PaceOrder
 *   `commands`: it goes silent after so many
 * @typedef {{ kind: "ready" } | { kind: "took", at: number[], ms: number[], failed: string[] }} PaceReport
 *   `at`: when each command ended, by the wall clock
 */

/** @type {PaceOptions} */
const { replicas, keys, valueBytes } = JSON.parse(process.argv[2] ?? "{}");
const client = connect({ replicas, deadlineMs: 30_000, maxOutstanding: 1_000 });
/** @type {{ Put(request: { key: string, value: Uint8Array }): Promise<unknown> }} */
const store = client.service("synod.kv.v1.KeyValue");
const value = Buffer.alloc(valueBytes, 0x2e);
const paceMs = 2;
let number = Math.floor(Math.random() * keys);
let underWay = 0;
/** @type {number[]} */
let at = [];
/** @type {number[]} */
let ms = [];
/** @type {string[]} */
let failed = [];
let order = 0;
/** @type {(() => void) | undefined} */
let idle;

/** @param {PaceReport} report */
const tell = (report) => void process.send?.(report);
const now = () => performance.timeOrigin + performance.now();

const flush = () => {
  if (ms.length + failed.length === 0) return;
  tell({ kind: "took", at, ms, failed });
  [at, ms, failed] = [[], [], []];
};
const flushing = setInterval(flush, 50);

/** @param {number} startedAt when it was to begin: a client that was late must not look faster for it */
async function put(startedAt) {
  underWay++;
  try {
    await store.Put({ key: `pace-${number++ % keys}`, value });
    const endedAt = now();
    at.push(endedAt);
    ms.push(endedAt - startedAt);
  } catch (error) {
    failed.push(error instanceof Error ? error.message : String(error));
  }
  if (--underWay === 0) idle?.();
}

/** @param {number} count @param {number} commands */
function keepOutstanding(count, commands) {
  const mine = order;
  let left = commands;
  const worker = async () => {
    while (mine === order && left-- > 0) await put(now());
  };
  for (let index = 0; index < count; index++) void worker();
}

/** @param {number} perSecond */
function keepPace(perSecond) {
  const mine = order;
  const from = now();
  let sent = 0;
  const pace = setInterval(() => {
    if (mine !== order) return clearInterval(pace);
    for (const due = ((now() - from) / 1000) * perSecond; sent < due; sent++)
      void put(from + (sent / perSecond) * 1000);
  }, paceMs);
}

async function stop() {
  if (underWay > 0)
    await new Promise((resolve) => {
      idle = () => resolve(undefined);
    });
  clearInterval(flushing);
  flush();
  client.close();
  process.off("disconnect", orphaned);
  process.disconnect?.();
}

process.on("message", (/** @type {PaceOrder} */ message) => {
  order++;
  if (message.kind === "outstanding") keepOutstanding(message.count, message.commands);
  else if (message.kind === "rate") keepPace(message.perSecond);
  else void stop();
});
const orphaned = () => process.exit(1);
process.on("disconnect", orphaned);
await store.Put({ key: "pace-0", value });
tell({ kind: "ready" });
