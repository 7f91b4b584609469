// The callers, each with its own implementation of protobuf: TypeScript by @synod/client, Go by buf (and grpcurl where it is),
// Python by grpcio.
import { execFileSync, spawnSync } from "node:child_process";
import path from "node:path";
import { types } from "node:util";
import { connect } from "@synod/client";
import { loadServices } from "@synod/wire";
import { root } from "../support/copy.mjs";

const buf = path.join(root, "node_modules/.bin/buf");
const python = "/usr/bin/python3";

/** True for values that are the same, whatever prototype objects have. @param {unknown} a @param {unknown} b @returns {boolean} */
export function same(a, b) {
  if (types.isUint8Array(a) && types.isUint8Array(b)) return Buffer.compare(a, b) === 0;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return Object.is(a, b);
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [keys, others] = [Object.keys(a).sort(), Object.keys(b).sort()];
  if (keys.join("\0") !== others.join("\0")) return false;
  const own = (/** @type {object} */ object, /** @type {string} */ key) =>
    Object.getOwnPropertyDescriptor(object, key)?.value;
  return keys.every((key) => same(own(a, key), own(b, key)));
}

/** By @synod/client, with the types and the descriptors that were generated. */
export class TypeScriptCaller {
  #client;
  #services;

  /** @param {string} address @param {Buffer} descriptors */
  constructor(address, descriptors) {
    this.#client = connect({ replicas: [address] });
    this.#services = loadServices(descriptors).services;
  }

  /** @param {string} service @param {string} name @param {Record<string, unknown>} request */
  async call(service, name, request) {
    const method = this.#method(service, name);
    const bytes = await this.raw(service, name, method.encodeRequest(request));
    return { bytes, message: method.decodeResponse(bytes) };
  }

  /** @param {string} service @param {string} name @param {Uint8Array} request @returns {Promise<Uint8Array>} */
  async raw(service, name, request) {
    return (await this.#client.execute(service, name, request)).response;
  }

  /** The one encoding of a message. @param {string} service @param {Uint8Array} bytes */
  canonical(service, bytes) {
    const { decodeRequest, encodeRequest } = this.#method(service, "Keep");
    return Buffer.from(encodeRequest(decodeRequest(bytes)));
  }

  close() {
    this.#client.close();
  }

  /** @param {string} service @param {string} name */
  #method(service, name) {
    const method = this.#services.get(service)?.methods.get(name);
    if (method === undefined) throw new Error(`no ${service}/${name}`);
    return method;
  }
}

/** A message as Go encodes it. @param {string} set @param {string} type @param {object} json @returns {Buffer} */
export function encodedByGo(set, type, json) {
  const form = ["--type", type, "--from", "-#format=json", "--to", "-#format=binpb"];
  return execFileSync(buf, ["convert", `${set}#format=binpb`, ...form], {
    input: JSON.stringify(json),
    timeout: 60_000,
  });
}

/** Callers that know nothing but an address, and learn the rest by reflection. @param {string} address */
export function reflecting(address) {
  const forms = [
    (/** @type {string} */ method, /** @type {string} */ json) =>
      run(buf, [
        "curl",
        "--protocol",
        "grpc",
        "--http2-prior-knowledge",
        "-d",
        json,
        `http://${address}/${method}`,
      ]),
  ];
  if (spawnSync("grpcurl", ["-version"]).status === 0)
    forms.push((method, json) => run("grpcurl", ["-plaintext", "-d", json, address, method]));
  return forms;
}

/** @param {string} program @param {string[]} parameters @returns {unknown} */
function run(program, parameters) {
  const { status, stdout, stderr } = spawnSync(program, parameters, { encoding: "utf8", timeout: 60_000 });
  if (status !== 0)
    throw new Error(`${path.basename(program)} ended with ${status}: ${stderr.slice(0, 500)}`);
  return JSON.parse(stdout);
}

/** The package that Python lacks; undefined when it has all. */
export function pythonLacks() {
  const { status } = spawnSync(python, ["-c", "import grpc, google.protobuf"]);
  return status === 0 ? undefined : "python3-grpcio and python3-protobuf (apt-get install)";
}

/**
 * @typedef {{ service: string, message: string, id: string, given: object }} Job
 * @typedef {{ sent: string, kept: string, read: string, again: string } | null} PythonAnswer
 * @param {string} set @param {string} address @param {readonly Job[]} jobs @returns {PythonAnswer[]}
 */
export function calledByPython(set, address, jobs) {
  const script = path.join(import.meta.dirname, "client.py");
  const { status, stdout, stderr } = spawnSync(python, [script, set, address], {
    ...{ encoding: "utf8", input: JSON.stringify(jobs), timeout: 120_000, maxBuffer: 2 ** 26 },
    env: { ...process.env, no_proxy: "*" },
  });
  if (status !== 0) throw new Error(`Python ended with ${status}: ${stderr.slice(-1500)}`);
  return JSON.parse(stdout);
}

/** Compiles protos by themselves. @param {string} folder @param {string} target @returns {string | undefined} why it did not work */
export function compiledAlone(folder, target) {
  const form = ["--config", '{"version":"v2"}', "--as-file-descriptor-set", "-o", `${target}#format=binpb`];
  const { status, stdout, stderr } = spawnSync(buf, ["build", folder, ...form], {
    encoding: "utf8",
    timeout: 60_000,
  });
  return status === 0 ? undefined : `${stdout}${stderr}`;
}
