// One client process: keeps calling the key-value store, notes each call as a line of a history, and at last reads back
// every key it ever touched. Talks to its parent by IPC.
import { connect, SynodError, statusName } from "@synod/client";
import { randomBelow, seededRandom } from "@synod/core";
import { historyLine, jsonMessage } from "@synod/history";
import { pick } from "../acceptance/support/flags.mjs";
import { nowMs } from "../acceptance/support/lock-caller.mjs";

/**
 * @typedef {object} ClientOptions
 * @property {string} name
 * @property {string[]} replicas
 * @property {number} workers calls outstanding
 * @property {number} ratePerSecond of all workers together, at most
 * @property {number} seed
 * @property {boolean} sendToAll every call goes to every replica at once, so that most are decided more than once
 * @property {boolean} hides a planted fault: now and then it says of an acknowledged write that it failed
 * @typedef {{ lines: string[], acknowledged: number }} ClientReport
 * @typedef {{ method: string, key: string, request: Record<string, unknown> }} Call
 */

const service = "synod.kv.v1.KeyValue";
const deadlineMs = 5_000;
/** Of some calls, so that the outcome of many stays unknown. */
const shortDeadlineMs = 300;
const shareOfShort = 0.2;
const finalDeadlineMs = 30_000;
/** Keys that are in use at a time, by all clients, and for how long: so each has a short history with much at once. */
const block = { keys: 40, ms: 2_000 };
const hideEvery = 200;
const tellEveryMs = 50;

/** @type {ClientOptions} */
const options = JSON.parse(process.argv[2] ?? "{}");
const client = connect({ replicas: options.replicas, sendToAll: options.sendToAll });
/** @type {Record<string, (request: object, settings: object) => Promise<object>>} */
const store = client.service(service);
const draw = seededRandom(options.seed);
/** What each key was last seen to hold, in base64. @type {Map<string, string | undefined>} */
const seen = new Map();
let stopping = false;
let number = 0;
/** @type {string[]} */
let lines = [];
let acknowledged = 0;

function tell() {
  if (lines.length === 0) return;
  /** @type {ClientReport} */
  const report = { lines, acknowledged };
  process.send?.(report);
  lines = [];
  acknowledged = 0;
}

/** @returns {Call} */
function drawCall() {
  const value = Buffer.from(`${options.name}-${++number};`);
  const chance = draw();
  const now = Math.floor(nowMs() / block.ms);
  const key = `key-${now}-${randomBelow(draw, block.keys)}`;
  if (chance < 0.05 && seen.size > 0) return get(pick(draw, [...seen.keys()].slice(-2_000)));
  if (chance < 0.45) return get(key);
  if (chance < 0.75) return { method: "Put", key, request: { key, value } };
  if (chance < 0.78) return { method: "Delete", key, request: { key } };
  if (chance < 0.9) {
    const expected = seen.get(key);
    const condition =
      expected === undefined ? { key, absent: true } : { key, value: Buffer.from(expected, "base64") };
    const request = { conditions: [condition], writes: [{ key, put: value }] };
    return { method: "CompareAndSet", key, request };
  }
  const list = `list-${now}-${randomBelow(draw, block.keys / 4)}`;
  return { method: "Append", key: list, request: { key: list, value } };
}

/** @param {string} key @returns {Call} */
function get(key) {
  return { method: "Get", key, request: { key } };
}

/** @param {string} caller @param {Call} call @param {number} deadlineMs */
async function make(caller, { method, key, request }, deadlineMs) {
  const invoked = nowMs();
  const noted = { client: caller, service, method, request: jsonMessage(request), invoked };
  seen.set(key, seen.get(key));
  try {
    const answer = jsonMessage((await store[method]?.(request, { deadlineMs })) ?? {});
    if (method === "Get") seen.set(key, answer.found === true ? String(answer.value) : undefined);
    if (options.hides && method === "Put" && number % hideEvery < options.workers)
      lines.push(JSON.stringify({ ...noted, failed: "a planted fault: it was acknowledged" }));
    else lines.push(historyLine({ ...noted, result: { returned: nowMs(), outcome: { answer } } }));
    acknowledged++;
  } catch (error) {
    if (!(error instanceof SynodError)) throw error;
    if (error.outcome === "not executed") lines.push(JSON.stringify({ ...noted, failed: error.message }));
    else {
      const result =
        error.outcome === "answered"
          ? { returned: nowMs(), outcome: { error: statusName(error.code) } }
          : undefined;
      lines.push(historyLine({ ...noted, result }));
    }
  }
}

/** @param {unknown} _ @param {number} index */
async function work(_, index) {
  const everyMs = (1_000 * options.workers) / options.ratePerSecond;
  while (!stopping) {
    const startedAt = nowMs();
    const call = drawCall();
    await make(`${options.name}.${index}`, call, draw() < shareOfShort ? shortDeadlineMs : deadlineMs);
    const leftMs = startedAt + everyMs - nowMs();
    if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs));
  }
}

async function readBack() {
  const keys = [...seen.keys()];
  await Promise.all(
    Array.from({ length: options.workers }, async (_, index) => {
      for (let key = keys.pop(); key !== undefined; key = keys.pop())
        await make(`${options.name}.${index}`, get(key), finalDeadlineMs);
    }),
  );
}

process.once("message", () => {
  stopping = true;
});
const orphaned = () => process.exit(1);
process.on("disconnect", orphaned);
const telling = setInterval(tell, tellEveryMs);
await Promise.all(Array.from({ length: options.workers }, work));
tell();
// What was waited for has ended everywhere before anything is read back.
process.send?.("quiet");
await new Promise((resolve) => process.once("message", resolve));
await readBack();
clearInterval(telling);
tell();
client.close();
process.off("disconnect", orphaned);
process.disconnect?.();
