// One hostile client: as many calls of one kind outstanding as it is told, to all replicas, until it is told to end. Each call
// is within the documented limits. It yields to whatever else runs, as if it had a machine of its own.

import { readFileSync } from "node:fs";
import os from "node:os";
import * as grpc from "@grpc/grpc-js";
import { callUnary, loadServices, metadataKeys, replicaService } from "@synod/wire";

/**
 * @typedef {object} HostileOptions
 * @property {string[]} replicas
 * @property {string} descriptors of the service that is called
 * @property {string} method
 * @property {object} request
 * @property {number} outstanding
 * @property {boolean} [stale] read of the replica alone
 * @property {boolean} [session] under a session of its own, of which it never acknowledges an answer
 */

/** @type {HostileOptions} */
const options = JSON.parse(process.argv[2] ?? "{}");
os.setPriority(19);
const service = "bounds.v1.Heavy";
const method = loadServices(readFileSync(options.descriptors))
  .services.get(service)
  ?.methods.get(options.method);
if (!method) throw new Error(`expected method ${options.method} of ${service}, found none`);
const { path, encodeRequest } = method;
const clients = options.replicas.map(
  (address) =>
    new grpc.Client(address, grpc.credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
      "grpc.max_receive_message_length": -1,
    }),
);
/** @type {Record<string, number>} */
const statuses = {};
let ended = false;
let sequence = 0;
/** @type {string | undefined} */
let session;

/** @param {number} number */
async function caller(number) {
  const client = /** @type {grpc.Client} */ (clients[number % clients.length]);
  while (!ended) {
    const code = await call(client);
    statuses[code] = (statuses[code] ?? 0) + 1;
    if (code !== "OK") await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** @param {grpc.Client} client @returns {Promise<string>} */
async function call(client) {
  const headers = new grpc.Metadata();
  if (options.stale) headers.set(metadataKeys.read, "stale");
  if (options.session) {
    session ??= (await callUnary(client, replicaService.OpenSession, {}, { deadline: Date.now() + 10_000 }))
      .clientId;
    headers.set(metadataKeys.clientId, session);
    headers.set(metadataKeys.sequence, String(++sequence));
  }
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      path,
      (/** @type {any} */ message) => Buffer.from(encodeRequest(message)),
      (bytes) => bytes,
      options.request,
      headers,
      { deadline: Date.now() + 10_000 },
      (error) => {
        if (error?.code === grpc.status.ABORTED) session = undefined;
        resolve(grpc.status[error?.code ?? 0] ?? "");
      },
    );
  });
}

process.on("message", () => {
  ended = true;
  process.send?.(statuses, () => process.exit(0));
});
process.on("disconnect", () => process.exit(1));
for (let number = 0; number < options.outstanding; number++) void caller(number);
