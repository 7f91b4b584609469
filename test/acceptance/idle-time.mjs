// Log time on a cluster that nobody asks anything: a limiter and a lock, in nine processes, for two minutes with single
// probes far apart, while wall clocks jump, processes stand still, and a replica is killed and started again.
import * as grpc from "@grpc/grpc-js";
import { randomBelow } from "@synod/core";
import { descriptorSet, loadServices, metadataKeys } from "@synod/wire";
import { readDecidedLog } from "./support/decided-log.mjs";
import { FakedClocks } from "./support/faked-clocks.mjs";
import { faketimeLibrary, forgetFakedDead } from "./support/faketime.mjs";
import { random as chance, flagNumber, seedOf } from "./support/flags.mjs";
import { equalReplicas } from "./support/load.mjs";
import { missing } from "./support/needs.mjs";
import { Processes, until } from "./support/processes.mjs";
import { ServiceCluster } from "./support/service-cluster.mjs";

export const name = "idle-time";
export const promise =
  "a limiter and a lock on an idle cluster of nine agree with a monotonic clock within 200 ms; waiting costs no slot";

const service = { name: "limits.v1.Limiter", folder: "idle-time", module: "limiter.mjs" };
const withinMs = 200;
/** So many tokens that the bucket never is full again, and one a millisecond. */
const bucket = { key: "b", capacity: "1000000000", refillPerSecond: "1000" };
const hourSeconds = 3_600;
const pauseMs = 8_000;
/** Reports and checkpoints after the last command are over by then. */
const settlesMs = 8_000;

/** @typedef {{ sentAtMs: number, receivedAtMs: number }} Asked */
/** @typedef {(line: string) => void} Progress */

/** @param {{ parameters: string[], progress: Progress }} options `--seconds N` instead of 120, 60 at least */
export async function run({ parameters, progress }) {
  const seed = seedOf(parameters);
  const random = chance(seed);
  const seconds = flagNumber(parameters, "--seconds", 120);
  const library = faketimeLibrary();
  const lack = missing("faketime");
  const leftOut = lack === undefined ? undefined : `jumps of the wall clock: ${lack}`;
  progress(`seed ${seed}${leftOut === undefined ? "" : `; left out: ${leftOut}`}`);
  const processes = await Processes.prepare();
  const faked = library === undefined ? undefined : new FakedClocks(processes, library);
  const cluster = new ServiceCluster(processes, service);
  try {
    for (const id of cluster.replicas) cluster.load(id, service.module);
    for (const { id } of processes.plan.members) processes.start(id);
    await processes.ready();
    const idle = new Idle(cluster, seconds * 1_000, progress);
    const figures = await idle.live(random, faked);
    const { equal } = await equalReplicas(processes);
    const { holds } = idle;
    return {
      holds: holds && equal,
      figures: { seed, ...(leftOut === undefined ? {} : { leftOut }), ...figures, replicasEqual: equal },
    };
  } finally {
    await cluster.end();
    forgetFakedDead();
  }
}

/** What happens on the idle cluster, and what clocks say of it. */
class Idle {
  #cluster;
  #processes;
  #lastsMs;
  #progress;
  /** The bucket was emptied. @type {Asked} */ #emptied = { sentAtMs: 0, receivedAtMs: 0 };
  #taken = 0;
  /** @type {{ what: string, offMs: number }[]} */ probes = [];
  /** @type {{ what: string, slots: number }[]} */ quiet = [];
  /** @type {number | undefined} */ lockOffMs;

  /** @param {ServiceCluster} cluster @param {number} lastsMs @param {Progress} progress */
  constructor(cluster, lastsMs, progress) {
    this.#cluster = cluster;
    this.#processes = cluster.processes;
    this.#lastsMs = lastsMs;
    this.#progress = progress;
  }

  get holds() {
    const { probes, quiet, lockOffMs = Number.POSITIVE_INFINITY } = this;
    return (
      [...probes.map(({ offMs }) => offMs), lockOffMs].every((offMs) => Math.abs(offMs) <= withinMs) &&
      probes.length >= 5 &&
      quiet.length >= 2 &&
      quiet.every(({ slots }) => slots === 0)
    );
  }

  /** @param {() => number} random @param {FakedClocks | undefined} faked */
  async live(random, faked) {
    const replicas = this.#cluster.replicas;
    const one = () => replicas[randomBelow(random, replicas.length)] ?? "r1";
    const endsAtMs = performance.now() + this.#lastsMs;
    await this.#must("Configure", bucket, one());
    await this.#empty(one());
    const lock = this.#holdLock(one(), Math.round(this.#lastsMs * 0.75));
    await this.#stayQuiet("while a lock is held", this.#lastsMs * 0.15);
    await this.#probe("after the first silence", one());
    this.#jump(faked, random, hourSeconds);
    await this.#stayQuiet("under clocks that jumped", this.#lastsMs * 0.1);
    await this.#probe("after clocks jumped", one());
    await this.#pausedMeanwhile("r1", random);
    await this.#restarted("r3", random);
    this.#jump(faked, random, -2 * hourSeconds);
    await lock;
    await pause(Math.max(0, endsAtMs - performance.now()));
    for (const replica of replicas) await this.#probe(`at the end, ${replica}`, replica);
    return { probes: this.probes, lockOffMs: this.lockOffMs, quiet: this.quiet, ...(await this.#slots()) };
  }

  /** @param {FakedClocks | undefined} faked @param {() => number} random @param {number} seconds */
  #jump(faked, random, seconds) {
    if (faked === undefined) return;
    const ids = this.#processes.plan.members.map(({ id }) => id).filter(() => random() < 0.6);
    faked.jump(ids, seconds);
    this.#progress(`wall clocks of ${ids.join(", ")}: ${seconds} s`);
  }

  /** A replica stands still while another one is asked, and is then asked itself, at once. @param {string} id @param {() => number} random */
  async #pausedMeanwhile(id, random) {
    this.#processes.signal(id, "SIGSTOP");
    await pause(pauseMs / 2);
    await this.#probe(`while ${id} stands still`, random() < 0.5 ? "r2" : "r3");
    await pause(pauseMs / 2);
    this.#processes.signal(id, "SIGCONT");
    await this.#probe(`${id}, which stood still`, id);
  }

  /** @param {string} id @param {() => number} random */
  async #restarted(id, random) {
    await this.#processes.kill(id);
    await pause(2_000 + randomBelow(random, 3_000));
    this.#processes.start(id);
    await this.#processes.ready([id]);
    await this.#probe(`${id}, started again`, id);
  }

  /** Nothing is asked, and nothing is due: once what trimming needs is over, no slot is decided. @param {string} what @param {number} ms */
  async #stayQuiet(what, ms) {
    await pause(Math.min(settlesMs, ms * 0.7));
    const before = await this.#decided();
    await pause(Math.max(2_000, ms - settlesMs));
    const slots = (await this.#decided()) - before;
    this.quiet.push({ what, slots });
    this.#progress(`${slots} slots ${what}`);
  }

  async #decided() {
    const { state } = (await this.#processes.status("r2")) ?? {};
    return state?.role === "replica" ? state.slotOut - 1 : Number.NaN;
  }

  /** @param {string} replica */
  async #empty(replica) {
    const { answer, asked } = await this.#must("Take", { key: bucket.key, tokens: bucket.capacity }, replica);
    if (answer.left !== "0") throw new Error(`expected an empty bucket, found ${answer.left}`);
    this.#emptied = asked;
  }

  /** How far log time is off since the bucket was emptied, by the nearest that it can be. @param {string} what @param {string} replica */
  async #probe(what, replica) {
    const { answer, asked } = await this.#must("Take", { key: bucket.key, tokens: "1" }, replica);
    this.#taken += 1;
    const passedMs = Number(answer.left) + this.#taken;
    const leastMs = asked.sentAtMs - this.#emptied.receivedAtMs;
    const mostMs = asked.receivedAtMs - this.#emptied.sentAtMs;
    const offMs = Math.round(Math.max(0, passedMs - mostMs) + Math.min(0, passedMs - leastMs));
    this.probes.push({ what, offMs });
    this.#progress(`${Math.round(mostMs / 1000)} s: ${what}, log time is off by ${offMs} ms`);
  }

  /** @param {string} method @param {object} request @param {string} replica */
  async #must(method, request, replica) {
    const sentAtMs = performance.now();
    const answer = await this.#cluster.call(replica, method, request, {});
    const asked = { sentAtMs, receivedAtMs: performance.now() };
    if (answer.code !== 0) throw new Error(`${method} at ${replica}: ${answer.code} ${answer.message}`);
    return { answer: this.#cluster.decoded(method, answer), asked };
  }

  /** Takes a lock and looks, without asking anybody but one replica, when it ends. @param {string} replica @param {number} ttlMs */
  async #holdLock(replica, ttlMs) {
    const lock = new LockCalls(this.#processes);
    const sentAtMs = performance.now();
    await lock.call(replica, "Acquire", { name: "l", owner: "o", ttlMs: String(ttlMs) });
    const receivedAtMs = performance.now();
    await pause(ttlMs - 1_500);
    let heldAtMs = performance.now();
    await until("the lock to end", async () => {
      const atMs = performance.now();
      const { held } = await lock.call("r2", "Get", { name: "l" }, { [metadataKeys.read]: "stale" });
      if (held) heldAtMs = atMs;
      return !held;
    });
    const goneAtMs = performance.now();
    lock.close();
    // A lock gets one step on top of its time to live, so that it never ends early.
    const early = Math.min(0, goneAtMs - sentAtMs - ttlMs);
    const late = Math.max(0, heldAtMs - receivedAtMs - ttlMs - withinMs);
    this.lockOffMs = Math.round(early + late);
    this.#progress(`a lock of ${ttlMs} ms ended; off by ${this.lockOffMs} ms`);
  }

  /** What the log has, by who asked for it. */
  async #slots() {
    const log = await readDecidedLog(this.#processes.address("r2"));
    /** @type {Record<string, number>} */
    const commands = {};
    for (const { service: of, method } of log.flatMap((batch) => batch.commands))
      commands[`${of}/${method}`] = (commands[`${of}/${method}`] ?? 0) + 1;
    return { slots: log.at(-1)?.slot ?? 0, commands };
  }
}

/** Locks come with Synod, so that nothing has to be loaded for them. */
class LockCalls {
  #processes;
  /** @type {Map<string, grpc.Client>} */ #clients = new Map();
  #methods = loadServices(descriptorSet).services.get("synod.lock.v1.Lock")?.methods;

  /** @param {Processes} processes */
  constructor(processes) {
    this.#processes = processes;
  }

  /** @param {string} replica @param {string} method @param {object} request @param {Record<string, string>} metadata */
  async call(replica, method, request, metadata = {}) {
    const described = this.#methods?.get(method);
    if (described === undefined) throw new Error(`there is no ${method}`);
    const address = this.#processes.address(replica);
    const client = this.#clients.get(address) ?? new grpc.Client(address, grpc.credentials.createInsecure());
    this.#clients.set(address, client);
    const headers = new grpc.Metadata();
    for (const [key, value] of Object.entries(metadata)) headers.set(key, value);
    return /** @type {Promise<Record<string, any>>} */ (
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          described.path,
          (/** @type {any} */ message) => Buffer.from(described.encodeRequest(message)),
          (bytes) => described.decodeResponse(bytes),
          request,
          headers,
          { deadline: Date.now() + 10_000 },
          (error, response) => (error ? reject(error) : resolve(/** @type {any} */ (response))),
        );
      })
    );
  }

  close() {
    for (const client of this.#clients.values()) client.close();
  }
}

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
