// Those who are told what became of a call, in three languages: each as the pages show it.
import path from "node:path";
import { createInterface } from "node:readline";
import * as grpc from "@grpc/grpc-js";
import { connect, SynodError } from "@synod/client";
import { callUnary, metadataKeys, replicaService } from "@synod/wire";
import { goProgram, pythonProgram } from "./client-programs.mjs";
import { root } from "./copy.mjs";

/** @typedef {{ method: string, request: Uint8Array, deadlineMs: number }} Asked */
/** @typedef {{ outcome: string, code: number, response: Uint8Array, slot: number }} Ended slot 0: none was told */
/** @typedef {{ language: string, way: string, workers: number, call: (worker: number, asked: Asked) => Promise<Ended>, close: () => void }} Caller */

const service = "truth.v1.Truth";
const none = new Uint8Array(0);
const drivers = path.join(root, "test/acceptance/truth");

/** @param {string[]} addresses @param {number} first */
const rotated = (addresses, first) => {
  const index = first % addresses.length;
  return [...addresses.slice(index), ...addresses.slice(0, index)];
};

/** The client library, each worker's session used by one call at a time. @param {string[]} addresses @returns {Caller} */
export function library(addresses, workers = 16) {
  const clients = Array.from({ length: workers }, (_, worker) =>
    connect({ replicas: rotated(addresses, worker), sendToAll: worker % 4 === 3 }),
  );
  return {
    ...{ language: "TypeScript", way: "session", workers },
    async call(worker, { method, request, deadlineMs }) {
      try {
        const client = /** @type {import("@synod/client").Client} */ (clients[worker]);
        const { response, slot } = await client.execute(service, method, request, { deadlineMs });
        return { outcome: "answered", code: grpc.status.OK, response, slot };
      } catch (error) {
        if (!(error instanceof SynodError)) throw error;
        const outcome = error.outcome.replace(" ", "-");
        return { outcome, code: error.code, response: none, slot: error.slot };
      }
    },
    close: () => {
      for (const client of clients) client.close();
    },
  };
}

/** Calls by name that name no session. @param {string[]} addresses @returns {Caller} */
export function byName(addresses, workers = 12) {
  const clients = clientsOf(addresses);
  return {
    ...{ language: "TypeScript", way: "bare", workers },
    call: (worker, { method, request, deadlineMs }) =>
      new Promise((resolve) => {
        /** @type {Uint8Array} */
        let response = none;
        const call = nextOf(clients, worker).makeUnaryRequest(
          `/${service}/${method}`,
          (/** @type {Uint8Array} */ bytes) => Buffer.from(bytes),
          (bytes) => bytes,
          request,
          { deadline: Date.now() + deadlineMs },
          (_, bytes) => {
            response = bytes ?? response;
          },
        );
        call.on("status", ({ code, metadata }) => {
          const [outcome = "unknown"] = metadata.get(metadataKeys.outcome).map(String);
          resolve({ outcome, code, response, slot: Number(metadata.get(metadataKeys.slot)[0] ?? 0) });
        });
      }),
    close: () => {
      for (const client of clients) client.close();
    },
  };
}

/** Replica.Execute with a command that names no session. @param {string[]} addresses @returns {Caller} */
export function execute(addresses, workers = 8) {
  const clients = clientsOf(addresses);
  return {
    ...{ language: "TypeScript", way: "Execute", workers },
    async call(worker, { method, request, deadlineMs }) {
      const command = { clientId: "", sequence: 0, acknowledged: 0, service, method, request };
      const options = { deadline: Date.now() + deadlineMs };
      try {
        const answer = await callUnary(nextOf(clients, worker), replicaService.Execute, command, options);
        const { outcome, status: code, response, slot } = answer;
        return { outcome, code, response, slot };
      } catch (error) {
        const { code, metadata } = /** @type {grpc.ServiceError} */ (error);
        const [outcome = "unknown"] = metadata?.get(metadataKeys.outcome).map(String) ?? [];
        return { outcome, code, response: none, slot: 0 };
      }
    },
    close: () => {
      for (const client of clients) client.close();
    },
  };
}

/** @param {string[]} addresses */
const clientsOf = (addresses) =>
  addresses.map(
    (address) =>
      new grpc.Client(address, grpc.credentials.createInsecure(), {
        "grpc.use_local_subchannel_pool": 1,
        "grpc.max_reconnect_backoff_ms": 500,
      }),
  );

let turn = 0;

/** @param {grpc.Client[]} clients @param {number} worker */
const nextOf = (clients, worker) => /** @type {grpc.Client} */ (clients[(worker + turn++) % clients.length]);

/** Sessions in Python, and calls by name. @param {string} directory to work in @param {string[]} addresses @returns {Caller[]} */
export function python(directory, addresses, workers = 12) {
  const driver = path.join(drivers, "driver.py");
  return driven("Python", pythonProgram(directory, driver, [String(workers), ...addresses]), workers);
}

/** The same in Go. @param {string} directory to work in @param {string[]} addresses @returns {Caller[]} */
export function go(directory, addresses, workers = 12) {
  const driver = path.join(drivers, "driver.go");
  return driven("Go", goProgram(directory, driver, [String(workers), ...addresses]), workers);
}

/** @param {string} language @param {ReturnType<typeof pythonProgram>} child @param {number} workers @returns {Caller[]} */
function driven(language, child, workers) {
  /** @type {Map<string, (ended: Ended) => void>} */
  const waiting = new Map();
  let number = 0;
  createInterface({ input: child.stdout }).on("line", (line) => {
    const [id = "", outcome = "", code = "", response = ""] = line.split(" ");
    const bytes = response === "-" ? none : Buffer.from(response, "hex");
    waiting.get(id)?.({ outcome, code: Number(code), response: bytes, slot: 0 });
    waiting.delete(id);
  });
  return ["session", "bare"].map((way) => ({
    ...{ language, way, workers: workers / 2 },
    call: (_, { method, request, deadlineMs }) =>
      new Promise((resolve) => {
        const id = String(++number);
        waiting.set(id, resolve);
        const bytes = Buffer.from(request).toString("hex");
        child.stdin.write(`${id} ${way} /${service}/${method} ${deadlineMs / 1000} ${bytes}\n`);
      }),
    close: () => void child.kill("SIGKILL"),
  }));
}
