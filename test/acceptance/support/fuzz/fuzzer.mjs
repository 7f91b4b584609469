// Many calls at a time to every RPC of some processes, each drawn from the seed and its own number alone.
import { pick, random } from "../flags.mjs";
import { Connection } from "./calls.mjs";
import { Impostor } from "./impostor.mjs";
import { endless, fault, isHarmless, requestIn } from "./judge.mjs";
import { Messages } from "./messages.mjs";
import { Drawn, somePlay } from "./plays.mjs";
import { servedBy } from "./rpcs.mjs";

/**
 * What is sent. `invalid`: nothing that is a request. `harmless`: besides, all that a peer may say that is mistaken and does
 * not lie. `anything`: all.
 * @typedef {"invalid" | "harmless" | "anything"} Part
 * @typedef {{ id: string, address: string, served: import("./rpcs.mjs").Served }} Target
 * @typedef {{ part: Part, number: number, to: string, path: string, form: string, kinds: string[], hex: string[],
 *   metadata: string, why: string, details: string }} Failure
 */

const withinMs = 4_000;
const watchedMs = 300;
/** Commands on a stream wait for 30 s before they are given up: who does not answer by now hangs. */
const patienceMs = 35_000;
const atOnce = 12;
const moreStreams = 2;
const mostHex = 4_096;
/** Connections are left after so many calls, so that processes see callers come and go. */
const callsOfConnection = 40;

export class Fuzzer {
  #seed;
  #targets;
  #cluster;
  #words;
  /** @type {string[]} */
  #paths;
  /** @type {Map<string, { calls: number, valid: number, statuses: Map<string, number> }>} */
  byRpc = new Map();
  /** @type {Map<string, number>} */
  byKind = new Map();
  /** @type {Map<string, number>} */
  byForm = new Map();
  calls = 0;
  /** @type {Failure[]} */
  failures = [];

  /** @param {number} seed @param {Target[]} targets @param {{ clusterId: string, members: string[] }} cluster */
  constructor(seed, targets, cluster) {
    this.#seed = seed;
    this.#targets = targets;
    this.#cluster = cluster;
    this.#words = wordsOf(targets, cluster);
    const rpcs = targets.flatMap(({ served }) => served.rpcs);
    const streams = rpcs.filter(({ requestStream }) => requestStream);
    const paths = (/** @type {typeof rpcs} */ some) => [...new Set(some.map(({ path }) => path))];
    this.#paths = [...paths(rpcs), ...Array.from({ length: moreStreams }, () => paths(streams)).flat()];
  }

  /** @param {number} seed @param {import("../processes.mjs").Processes} processes @param {string[]} ids */
  static async of(seed, processes, ids) {
    const targets = [];
    for (const id of ids) {
      const address = processes.address(id);
      targets.push({ id, address, served: await servedBy(address) });
    }
    const clusterId = (await processes.status(ids[0] ?? ""))?.clusterId ?? "";
    return new Fuzzer(seed, targets, { clusterId, members: processes.plan.members.map(({ id }) => id) });
  }

  /**
   * Members that do not run, played by one who answers with anything.
   * @param {import("./impostor.mjs").Played[]} members
   */
  impostors(members) {
    return members.map((played, index) => {
      const target = /** @type {Target} */ (this.#targets.find(({ id }) => id[0] === played.id[0]));
      return new Impostor(this.#seed + index, played, this.#cluster.clusterId, target.served, this.#words);
    });
  }

  /** Those that were never called. */
  get notCalled() {
    return [...new Set(this.#paths)].filter((path) => !this.byRpc.has(path));
  }

  /**
   * Sends until told to stop.
   * @param {Part} part @param {(calls: number) => boolean} enough asked before each call @param {number} [first] its number
   */
  async send(part, enough, first = 0) {
    let number = first;
    const worker = async () => {
      /** @type {Map<string, Connection>} */
      const connections = new Map();
      const leave = () => {
        for (const connection of connections.values()) connection.close();
        connections.clear();
      };
      for (let calls = 1; !enough(number - first); calls++) {
        await this.#one(part, number++, connections);
        if (calls % callsOfConnection === 0) leave();
      }
      leave();
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  }

  /** @param {Part} part @param {number} number @param {Map<string, Connection>} connections */
  async #one(part, number, connections) {
    const draw = random(this.#seed * 1_000_003 + number);
    const { target, rpc } = this.#anyRpc(draw);
    const { served, id } = target;
    const messages = new Messages(draw, served, this.#words);
    const judge = {
      may: (/** @type {Buffer} */ bytes) => maySend(part, served, rpc, bytes),
      isRequest: (/** @type {Buffer} */ bytes) => requestIn(served, rpc, bytes) !== undefined,
    };
    const play = somePlay(new Drawn({ draw, messages, served }, rpc, this.#cluster, judge));
    const connection = connections.get(id) ?? new Connection(target.address);
    connections.set(id, connection);
    const endsByItself = !endless.has(rpc.path);
    let ending = await connection.play(rpc.path, play, endsByItself ? withinMs : watchedMs);
    // On a busy machine an answer may be late.
    if (fault(rpc, play, ending, false) === "it did not end")
      ending = await connection.play(rpc.path, play, patienceMs);
    const valid = sentBy(play).filter(judge.isRequest).length;
    this.#count(rpc.path, play, ending, valid);
    const why = fault(rpc, play, ending, valid === 0);
    if (why === undefined) return;
    this.failures.push({
      ...{ part, number, to: id, path: rpc.path, form: play.form, kinds: play.kinds, why },
      details: ending.details,
      metadata: JSON.stringify(play.metadata),
      hex: sentBy(play).map(hexOf),
    });
  }

  /** Each RPC as often as another, whoever serves it, streams of requests more often. @param {() => number} draw */
  #anyRpc(draw) {
    const path = pick(draw, this.#paths);
    const serving = this.#targets.flatMap((target) =>
      target.served.rpcs.filter((rpc) => rpc.path === path).map((rpc) => ({ target, rpc })),
    );
    return pick(draw, serving);
  }

  /**
   * @param {string} path @param {import("./plays.mjs").Play} play @param {import("./calls.mjs").Ending} ending
   * @param {number} valid messages
   */
  #count(path, { form, kinds }, { code }, valid) {
    this.calls++;
    const rpc = this.byRpc.get(path) ?? { calls: 0, valid: 0, statuses: new Map() };
    this.byRpc.set(path, rpc);
    rpc.calls++;
    rpc.valid += valid;
    rpc.statuses.set(code, (rpc.statuses.get(code) ?? 0) + 1);
    this.byForm.set(form, (this.byForm.get(form) ?? 0) + 1);
    for (const kind of kinds) this.byKind.set(kind, (this.byKind.get(kind) ?? 0) + 1);
  }
}

/** @param {Part} part @param {Target["served"]} served @param {import("./rpcs.mjs").Rpc} rpc @param {Buffer} bytes */
function maySend(part, served, rpc, bytes) {
  if (part === "anything") return true;
  const request = requestIn(served, rpc, bytes);
  if (request === undefined) return true;
  return part === "harmless" && isHarmless(rpc.path, request);
}

/** @param {import("./plays.mjs").Play} play */
function sentBy({ steps }) {
  return steps.flatMap((step) => (typeof step === "object" && "send" in step ? [step.send] : []));
}

/** @param {Buffer} bytes */
function hexOf(bytes) {
  const hex = bytes.subarray(0, mostHex).toString("hex");
  return bytes.length > mostHex ? `${hex}… (${bytes.length} bytes)` : hex;
}

/** @param {Target[]} targets @param {{ clusterId: string, members: string[] }} cluster */
function wordsOf(targets, { clusterId, members }) {
  const services = [...new Set(targets.flatMap(({ served }) => served.rpcs.map(({ service }) => service)))];
  const methods = targets.flatMap(({ served }) => served.rpcs.map(({ path }) => path.split("/")[2] ?? ""));
  // Those of Synod's own commands that no RPC is named after, and what all of them say.
  methods.push("Report", "Checkpoint", "InstallService", "InstallFoundation", "AdvanceTime");
  const report = {
    replica: "r1",
    store: "x",
    number: 1,
    slot: 5,
    hash: "00".repeat(32),
    earlier: [],
    offers: [],
    ground: { runtime: "x", node: "v0.0.0", engines: [{ version: 1, digest: "x" }] },
  };
  const said = [report, { service: services[0], version: 1 }, { bytes: 1 }, {}, [], null, 1];
  const named = [...members, "stranger-1", "x"];
  const era = clusterId.slice(0, 12);
  const sessions = ["", `1.0.${era}`, `2.0.${era}`, `5.0.${era}`, `999.9.${era}`, "1.0.another", "1.0"];
  const byField = {
    ...{ cluster_id: [clusterId, clusterId, clusterId, "another"], service: services, method: methods },
    ...{ id: named, leader: named, replica: named, acceptor: named, store: named },
    ...{ client_id: sessions, address: ["127.0.0.1:1", "localhost:65535"], key: ["a", "b", "c"] },
    request: said.map((each) => JSON.stringify(each)),
  };
  return { byField, any: [...named, ...services, ...sessions, "a", "synod/v1/paxos.proto"] };
}
