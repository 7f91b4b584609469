// One hostile client at the replicas' edge: it takes places, opens sessions, sends what is no command, never reads what it is
// answered, or reads logs and states, until it is told to end. It yields to whatever else runs, as if it had a machine of
// its own.
import os from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import * as grpc from "@grpc/grpc-js";
import { callUnary, replicaService } from "@synod/wire";
import { kvCommand, largestValue } from "./kv-command.mjs";

/** @typedef {import("@synod/core").Command} Command */
/** @typedef {"greedy" | "malformed" | "mute" | "large"} Flood */
/** @typedef {Flood | "sessions" | "logs" | "snapshots"} Kind */

/** @type {{ replicas: string[], kind: Kind, outstanding: number }} */
const { replicas, kind, outstanding } = JSON.parse(process.argv[2] ?? "{}");
os.setPriority(19);
/** @type {Record<string, number>} */
const statuses = {};
let ended = false;
const perMessage = 128;
const pauseMs = 50;

const small = kvCommand("Put", { key: "greedy", value: Buffer.from("x") });
/** @type {Record<Flood, Command>} */
const commands = {
  greedy: small,
  malformed: { ...small, service: "no name" },
  mute: kvCommand("Get", { key: "large" }),
  large: kvCommand("Put", { key: "flood", value: Buffer.alloc(largestValue) }),
};

/** @param {number | undefined} code */
function count(code) {
  const name = grpc.status[code ?? 0] ?? String(code);
  statuses[name] = (statuses[name] ?? 0) + 1;
}

/** @param {string} address */
function client(address) {
  const unlimited = { "grpc.use_local_subchannel_pool": 1, "grpc.max_receive_message_length": -1 };
  return new grpc.Client(address, grpc.credentials.createInsecure(), unlimited);
}

/** Keeps its share of commands outstanding on one stream. @param {string} address @param {Command} asked */
async function flood(address, asked) {
  const { path, requestSerialize, responseDeserialize } = replicaService.ExecuteStream;
  while (!ended) {
    const stream = client(address).makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    let waiting = 0;
    let refused = false;
    const over = new Promise((resolve) => stream.on("status", ({ code }) => resolve(count(code))));
    stream.on("error", () => {});
    // A mute client has no listener, so that nothing is taken off the connection.
    if (kind !== "mute")
      stream.on("data", (answers) => {
        for (const { status } of answers) {
          waiting--;
          count(status);
          refused ||= status !== 0;
        }
      });
    const each = kind === "large" || kind === "mute" ? 1 : perMessage;
    let open = true;
    void over.then(() => {
      open = false;
    });
    while (!ended && open) {
      while (waiting + each <= outstanding / replicas.length && !refused) {
        stream.write(Array.from({ length: each }, () => asked));
        waiting += each;
        // What is large to answer comes little by little, so that the answers are felt and not the work.
        if (kind === "mute") break;
      }
      refused = false;
      await Promise.race([delay(kind === "mute" ? 2 * pauseMs : pauseMs), over]);
    }
    await delay(pauseMs);
  }
}

/** Asks for one after the other, for as long as it is answered. @param {() => Promise<unknown>} ask */
async function again(ask) {
  while (!ended) {
    try {
      await ask();
      count(0);
    } catch (error) {
      count(/** @type {grpc.ServiceError} */ (error).code);
      await delay(pauseMs);
    }
  }
}

/** @param {string} address */
function openSessions(address) {
  const caller = client(address);
  return again(() => callUnary(caller, replicaService.OpenSession, {}, { deadline: Date.now() + 10_000 }));
}

/** Reads the first page of the log. @param {string} address */
function readLog(address) {
  const caller = client(address);
  const request = { from: 1, limit: 0, clusterId: "", reader: undefined };
  return again(() => callUnary(caller, replicaService.Log, request, { deadline: Date.now() + 10_000 }));
}

/** Begins to read the state, and goes no further. @param {string} address */
function beginSnapshot(address) {
  const { path, requestSerialize, responseDeserialize } = replicaService.Snapshot;
  const caller = client(address);
  const request = { clusterId: "", above: 0, resume: undefined, member: "" };
  return again(
    () =>
      new Promise((resolve, reject) => {
        const pages = caller.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
        pages.on("error", reject);
        pages.on("end", resolve);
      }),
  );
}

/** A value that is worth not to be read. @param {string} address */
async function putLarge(address) {
  const put = kvCommand("Put", { key: "large", value: Buffer.alloc(largestValue) });
  await callUnary(client(address), replicaService.Execute, put, { deadline: Date.now() + 30_000 });
}

process.on("message", () => {
  ended = true;
  process.send?.(statuses, () => process.exit(0));
});
process.on("disconnect", () => process.exit(1));
if (kind === "mute") await putLarge(/** @type {string} */ (replicas[0]));
if (kind in commands)
  await Promise.all(replicas.map((address) => flood(address, commands[/** @type {Flood} */ (kind)])));
else {
  const asking = { sessions: openSessions, logs: readLog, snapshots: beginSnapshot };
  const asks = asking[/** @type {keyof typeof asking} */ (kind)];
  await Promise.all(Array.from({ length: outstanding }, (_, index) => asks(at(index))));
}

/** @param {number} index @returns {string} */
function at(index) {
  return /** @type {string} */ (replicas[index % replicas.length]);
}
