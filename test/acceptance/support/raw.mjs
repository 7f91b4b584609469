// A client that knows the protos and nothing of Synod's own code: proto-loader and grpc-js, as in any other program.
import path from "node:path";
import * as grpc from "@grpc/grpc-js";
import * as loader from "@grpc/proto-loader";
import { root } from "./copy.mjs";

/** @typedef {{ code: string, message: string, response?: any }} Answer */

const protos = path.join(root, "proto");
const definitions = loader.loadSync(
  [
    "synod/v1/paxos.proto",
    "synod/v1/replica.proto",
    "synod/v1/cluster.proto",
    "synod/kv/v1/kv.proto",
    "synod/calculator/v1/calculator.proto",
  ],
  { includeDirs: [protos], longs: String, bytes: Buffer },
);

/**
 * One unary call.
 * @param {string} address
 * @param {string} method e.g. "synod.kv.v1.KeyValue/Put"
 * @param {object | Buffer} request a message, or bytes to send as they are
 * @param {{ deadlineMs?: number, metadata?: Record<string, string> }} [options]
 * @returns {Promise<Answer>}
 */
export function callRaw(address, method, request, { deadlineMs = 5_000, metadata = {} } = {}) {
  const [service = "", name = ""] = method.split("/");
  const definition = /** @type {any} */ (definitions[service])?.[name];
  const serialize = Buffer.isBuffer(request)
    ? (/** @type {Buffer} */ bytes) => bytes
    : definition.requestSerialize;
  const deserialize = definition?.responseDeserialize ?? ((/** @type {Buffer} */ bytes) => bytes);
  const headers = new grpc.Metadata();
  for (const [key, value] of Object.entries(metadata)) headers.set(key, value);
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
  });
  return new Promise((resolve) => {
    const options = { deadline: Date.now() + deadlineMs };
    client.makeUnaryRequest(
      `/${method}`,
      serialize,
      deserialize,
      request,
      headers,
      options,
      (error, response) => {
        client.close();
        if (error) resolve({ code: grpc.status[error.code] ?? String(error.code), message: error.details });
        else resolve({ code: "OK", message: "", response });
      },
    );
  });
}

/**
 * The messages of a stream that one request opens. Throws what it ends with, if not OK.
 * @param {string} address @param {string} method @param {object} request
 * @returns {AsyncGenerator<any>}
 */
export async function* streamOf(address, method, request, withinMs = 30_000) {
  const [service = "", name = ""] = method.split("/");
  const { requestSerialize, responseDeserialize } = /** @type {any} */ (definitions[service])[name];
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
  });
  try {
    const options = { deadline: Date.now() + withinMs };
    yield* client.makeServerStreamRequest(
      `/${method}`,
      requestSerialize,
      responseDeserialize,
      request,
      options,
    );
  } finally {
    client.close();
  }
}

/**
 * Opens a stream, sends messages, and waits for its end.
 * @param {string} address
 * @param {string} method
 * @param {object[]} messages
 * @returns {Promise<Answer>}
 */
export function streamRaw(address, method, messages, withinMs = 5_000) {
  const [service = "", name = ""] = method.split("/");
  const { requestSerialize, responseDeserialize } = /** @type {any} */ (definitions[service])[name];
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
  });
  return new Promise((resolve) => {
    const call = client.makeBidiStreamRequest(`/${method}`, requestSerialize, responseDeserialize, {
      deadline: Date.now() + withinMs,
    });
    call.on("data", () => {});
    call.on("error", () => {});
    call.on("status", ({ code, details }) => {
      client.close();
      resolve({ code: grpc.status[code] ?? String(code), message: details });
    });
    for (const message of messages) call.write(message);
  });
}
