// A client of gRPC reflection that knows its proto and nothing of Synod's own code.
import path from "node:path";
import * as grpc from "@grpc/grpc-js";
import * as loader from "@grpc/proto-loader";
import { root } from "./copy.mjs";

export const versions = /** @type {const} */ (["v1", "v1alpha"]);

/** @typedef {{ message_response: string, error_response?: { error_code: number, error_message: string },
 *   file_descriptor_response?: { file_descriptor_proto: Buffer[] }, list_services_response?: { service: { name: string }[] },
 *   all_extension_numbers_response?: { base_type_name: string, extension_number: number[] }, original_request: object
 * }} Answer */

const patienceMs = 10_000;

/** One stream: a question at a time, each with its answer. */
export class Reflection {
  #client;
  #call;
  /** @type {Answer[]} */
  #answers = [];
  /** @type {(() => void) | undefined} */
  #woken;
  /** @type {string | undefined} */
  #ended;

  /** @param {string} address @param {(typeof versions)[number]} version */
  constructor(address, version) {
    const name = `grpc.reflection.${version}.ServerReflection`;
    const definitions = loader.loadSync(`grpc/reflection/${version}/reflection.proto`, {
      includeDirs: [path.join(root, "proto")],
      keepCase: true,
      oneofs: true,
      arrays: true,
      longs: String,
    });
    const method = /** @type {any} */ (definitions[name])?.ServerReflectionInfo;
    this.#client = new grpc.Client(address, grpc.credentials.createInsecure());
    this.#call = this.#client.makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      { deadline: Date.now() + 6 * patienceMs },
    );
    this.#call.on("data", (answer) => {
      this.#answers.push(answer);
      this.#woken?.();
    });
    this.#call.on("error", () => {});
    this.#call.on("status", ({ code, details }) => {
      this.#ended = `${grpc.status[code]}: ${details}`;
      this.#woken?.();
    });
  }

  /** @param {object} question @returns {Promise<Answer>} */
  async ask(question) {
    this.#call.write({ host: "", ...question });
    if (this.#answers.length === 0 && this.#ended === undefined)
      await new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`no answer to ${JSON.stringify(question)}`)),
          patienceMs,
        );
        this.#woken = () => {
          clearTimeout(timer);
          resolve(undefined);
        };
      });
    const answer = this.#answers.shift();
    if (answer) return answer;
    throw new Error(`asked ${JSON.stringify(question)}, the stream ended with ${this.#ended}`);
  }

  /** Says that no question follows. How the stream ends. */
  async finish() {
    this.#call.end();
    if (this.#ended === undefined) await new Promise((resolve) => this.#call.once("status", resolve));
    this.#client.close();
    return this.#ended;
  }

  close() {
    this.#call.cancel();
    this.#client.close();
  }
}
