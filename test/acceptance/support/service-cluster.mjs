// A cluster of processes whose replicas run a user's service, and ways to call it.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import * as grpc from "@grpc/grpc-js";
import { callUnary, healthService, loadServices, metadataKeys, replicaService } from "@synod/wire";
import { root } from "./copy.mjs";
import { Processes } from "./processes.mjs";

/** @typedef {{ code: number, message: string, details: string, response: string, slot: number }} ServiceAnswer bytes in base64 */
/** @typedef {{ clientId: string, sequence: number }} Numbered */

const deadlineMs = 30_000;

/**
 * @typedef {object} OwnService
 * @property {string} name full name
 * @property {string} folder beside the scripts, with the protos below `proto` and modules to load
 * @property {string} module what replicas load, unless it is said otherwise
 */

/** Of the text of a module. @typedef {{ from: string, to: string }} Change */

export class ServiceCluster {
  /** @type {Processes} */ processes;
  #service;
  #source;
  #methods;
  /** @type {Map<string, grpc.Client>} */ #clients = new Map();

  /**
   * @param {OwnService} service
   * @param {{ changes?: Record<string, Change>, environments?: Record<string, Record<string, string>>,
   *   counts?: Partial<import("@synod/cli").Counts> }} [options] what single replicas load is changed like this, and they are
   *   started with these variables; three of each role, unless it is said
   */
  static async start(service, { changes = {}, environments = {}, counts = {} } = {}) {
    const processes = await Processes.prepare(counts);
    for (const [id, environment] of Object.entries(environments)) processes.environments.set(id, environment);
    const cluster = new ServiceCluster(processes, service);
    try {
      for (const id of processes.ids("replica")) cluster.load(id, service.module, changes[id]);
      for (const { id } of processes.plan.members) processes.start(id);
      await processes.ready();
      return cluster;
    } catch (error) {
      await cluster.end();
      throw error;
    }
  }

  /** @param {Processes} processes @param {OwnService} service */
  constructor(processes, service) {
    this.processes = processes;
    this.#service = service.name;
    this.#source = path.join(root, "test/acceptance", service.folder);
    mkdirSync(this.#folder);
    symlinkSync(path.join(root, "node_modules"), path.join(this.#folder, "node_modules"));
    for (const each of readdirSync(this.#source).filter((file) => file.endsWith(".mjs")))
      copyFileSync(path.join(this.#source, each), path.join(this.#folder, each));
    // "proto" gives descriptors.binpb, and "proto-first", for a build of its own, descriptors-first.binpb.
    for (const protos of readdirSync(this.#source).filter((each) => each.startsWith("proto")))
      execFileSync(path.join(root, "node_modules/.bin/buf"), [
        ...["build", path.join(this.#source, protos), "--config", '{"version":"v2"}'],
        ...["--as-file-descriptor-set", "--exclude-source-info"],
        ...["-o", path.join(this.#folder, `${protos.replace("proto", "descriptors")}.binpb`)],
      ]);
    this.#methods = loadServices(readFileSync(this.descriptors)).services.get(service.name)?.methods;
  }

  get #folder() {
    return path.join(this.processes.plan.directory, "modules");
  }

  /** A module that replicas load, or may load. @param {string} module of the service's folder */
  file(module) {
    return path.join(this.#folder, module);
  }

  /** A file with what the protos say. */
  get descriptors() {
    return path.join(this.#folder, "descriptors.binpb");
  }

  get replicas() {
    return this.processes.ids("replica");
  }

  /**
   * What a replica loads from its next start on.
   * @param {string} id @param {string} module of the service's folder @param {(Change | undefined)[]} changes
   */
  load(id, module, ...changes) {
    const made = changes.filter((change) => change !== undefined);
    const file = path.join(this.#folder, made.length === 0 ? module : `changed-${id}-${module}`);
    let source = readFileSync(path.join(this.#source, module), "utf8");
    for (const { from, to } of made) {
      if (!source.includes(from)) throw new Error(`expected "${from}" in ${module}, found it changed`);
      source = source.replace(from, to);
    }
    writeFileSync(file, source);
    const { config } = this.processes.member(id);
    const settings = { ...JSON.parse(readFileSync(config, "utf8")), services: [file] };
    writeFileSync(config, JSON.stringify(settings));
  }

  /** A session, for commands that are sent to every replica. */
  async openSession() {
    const client = this.#client(this.replicas[0] ?? "");
    return (await callUnary(client, replicaService.OpenSession, {}, deadline())).clientId;
  }

  /**
   * Calls the service by name, as any gRPC client would.
   * @param {string} replica @param {string} method @param {object} request @param {Record<string, string>} metadata
   * @returns {Promise<ServiceAnswer>}
   */
  call(replica, method, request, metadata) {
    const { path: name, encodeRequest } = this.#method(method);
    const headers = new grpc.Metadata();
    for (const [key, value] of Object.entries(metadata)) headers.set(key, value);
    return new Promise((resolve) => {
      /** @type {Buffer} */
      let response = Buffer.alloc(0);
      const call = this.#client(replica).makeUnaryRequest(
        name,
        (/** @type {any} */ message) => Buffer.from(encodeRequest(message)),
        (bytes) => bytes,
        request,
        headers,
        deadline(),
        (_, bytes) => {
          response = bytes ?? response;
        },
      );
      call.on("status", ({ code, details: words, metadata: trailer }) => {
        // Over the wire, success has no message; grpc-js says "OK".
        const message = code === grpc.status.OK ? "" : words;
        const [slot] = trailer.get(metadataKeys.slot);
        const [details = ""] = trailer.get(metadataKeys.details);
        resolve({
          ...{ code, message, details: Buffer.from(details).toString("base64") },
          ...{ response: response.toString("base64"), slot: Number(slot ?? 0) },
        });
      });
    });
  }

  /**
   * The same command as the client library sends it.
   * @param {string} replica @param {string} method @param {object} request @param {Numbered} numbered
   * @returns {Promise<ServiceAnswer>}
   */
  async execute(replica, method, request, { clientId, sequence }) {
    const bytes = this.#method(method).encodeRequest({ ...request });
    const command = { clientId, sequence, acknowledged: 0, service: this.#service, method, request: bytes };
    const answer = await callUnary(this.#client(replica), replicaService.Execute, command, deadline());
    const { status: code, message, response, slot, details = new Uint8Array(0) } = answer;
    const text = (/** @type {Uint8Array} */ found) => Buffer.from(found).toString("base64");
    return { code, message, details: text(details), response: text(response), slot };
  }

  /** What a replica's tables hold, rows from a key on, asking nobody else. @param {string} replica @param {number} from */
  async count(replica, from) {
    const stale = { [metadataKeys.read]: "stale" };
    const answer = await this.call(replica, "Count", { from: String(from) }, stale);
    return JSON.stringify(this.decoded("Count", answer));
  }

  /** What a replica's log tells of errors in handlers. @param {string} replica */
  handlerErrors(replica) {
    const lines = readFileSync(this.processes.member(replica).log, "utf8").split("\n");
    return lines
      .filter((line) => line.includes(`"service":"${this.#service}"`))
      .map((line) => JSON.parse(line));
  }

  /** The bytes of a request. @param {string} method @param {object} request */
  encoded(method, request) {
    return this.#method(method).encodeRequest({ ...request });
  }

  /** What an answer says, decoded. @param {string} method @param {ServiceAnswer} answer */
  decoded(method, { response }) {
    return this.#method(method).decodeResponse(Buffer.from(response, "base64"));
  }

  /** The process of a replica. @param {string} replica */
  pid(replica) {
    return this.processes.child(replica).pid;
  }

  async end() {
    for (const client of this.#clients.values()) client.close();
    await this.processes.end();
  }

  /** @param {string} name */
  #method(name) {
    const method = this.#methods?.get(name);
    if (method === undefined) throw new Error(`${this.#service} has no ${name}`);
    return method;
  }

  /** @param {string} replica */
  #client(replica) {
    const known = this.#clients.get(replica);
    if (known !== undefined) return known;
    const options = { "grpc.use_local_subchannel_pool": 1, "grpc.max_reconnect_backoff_ms": 500 };
    const address = this.processes.address(replica);
    const client = new grpc.Client(address, grpc.credentials.createInsecure(), options);
    this.#clients.set(replica, client);
    return client;
  }
}

/**
 * What health says of a service at a replica: "SERVING" or "NOT_SERVING".
 * @param {ServiceCluster} cluster @param {string} replica @param {string} service
 */
export async function healthOf(cluster, replica, service) {
  const client = new grpc.Client(cluster.processes.address(replica), grpc.credentials.createInsecure());
  try {
    return (await callUnary(client, healthService.Check, { service }, deadline())).status;
  } finally {
    client.close();
  }
}

const deadline = () => ({ deadline: Date.now() + deadlineMs });
