// One hostile client that knows HTTP/2: it sends requests that never become whole, or takes none of the answers to whole ones, until
// it is told to end. It yields to whatever else runs, as if it had a machine of its own.
import http2 from "node:http2";
import os from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { replicaService } from "@synod/wire";
import { kvCommand, largestValue } from "./kv-command.mjs";

/** @typedef {"endless" | "untaken"} Kind */

/** @type {{ replicas: string[], kind: Kind, outstanding: number }} */
const { replicas, kind, outstanding } = JSON.parse(process.argv[2] ?? "{}");
os.setPriority(19);
/** @type {Record<string, number>} */
const statuses = {};
let ended = false;
const pauseMs = 50;
/** What is large to answer comes little by little, so that the answers are felt and not the work. */
const pace = { endless: { atOnce: 20, everyMs: 50 }, untaken: { atOnce: 1, everyMs: 100 } };

/** @param {string} method @param {Record<string, unknown>} request */
function framed(method, request) {
  const bytes = replicaService.Execute.requestSerialize(kvCommand(method, request));
  const header = Buffer.alloc(5);
  header.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([header, bytes]);
}

const put = framed("Put", { key: "untaken", value: Buffer.alloc(largestValue) });
const get = framed("Get", { key: "untaken" });

/** @param {http2.ClientHttp2Session} session */
function called(session) {
  const stream = session.request({
    ...{ ":method": "POST", ":path": replicaService.Execute.path },
    ...{ "content-type": "application/grpc", te: "trailers" },
  });
  stream.on("error", () => {});
  const over = new Promise((resolve) => stream.on("close", () => resolve(stream.rstCode)));
  return { stream, over };
}

/** A call that stays, until it is ended. @param {http2.ClientHttp2Session} session */
function held(session) {
  const { stream, over } = called(session);
  if (kind === "untaken") stream.end(get);
  else {
    stream.resume();
    stream.write(put.subarray(0, -1));
  }
  return over;
}

/** Has its share of calls under way over one connection after the other. @param {string} address */
async function hold(address) {
  const { atOnce, everyMs } = pace[kind];
  while (!ended) {
    // No byte of an answer fits in its windows.
    const settings = kind === "untaken" ? { initialWindowSize: 0 } : {};
    const session = http2.connect(`http://${address}`, { settings, maxSessionMemory: 1_000 });
    session.on("error", () => {});
    let waiting = 0;
    while (!ended && !session.destroyed) {
      for (let count = 0; count < atOnce && waiting < outstanding / replicas.length; count++) {
        waiting++;
        void held(session).then((code) => {
          waiting--;
          statuses[`code ${code}`] = (statuses[`code ${code}`] ?? 0) + 1;
        });
      }
      await delay(everyMs);
    }
    session.destroy();
    await delay(pauseMs);
  }
}

/** @param {string} address */
async function putLarge(address) {
  const session = http2.connect(`http://${address}`);
  session.on("error", () => {});
  const { stream, over } = called(session);
  stream.resume();
  stream.end(put);
  await over;
  session.destroy();
}

process.on("message", () => {
  ended = true;
  process.send?.(statuses, () => process.exit(0));
});
process.on("disconnect", () => process.exit(1));
if (kind === "untaken") await putLarge(/** @type {string} */ (replicas[0]));
await Promise.all(replicas.map(hold));
