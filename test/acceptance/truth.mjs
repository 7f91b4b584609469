// What clients in three languages are told of the outcome of their calls, under faults, compared with the log.
import * as grpc from "@grpc/grpc-js";
import { callUnary, replicaService } from "@synod/wire";
import { flagNumber, flagValue, pick, random, seedOf } from "./support/flags.mjs";
import { need } from "./support/needs.mjs";
import { until } from "./support/processes.mjs";
import { ServiceCluster } from "./support/service-cluster.mjs";
import { byName, execute, go, library, python } from "./support/truth-clients.mjs";
import { LogJudge } from "./support/truth-log.mjs";

export const name = "truth";
export const promise =
  "10,000 calls in TypeScript, Python and Go under kills, pauses, shutdowns and lost sessions: what is said of each outcome is so";

/** @typedef {import("./support/truth-clients.mjs").Asked} Asked */
/** @typedef {import("./support/truth-clients.mjs").Ended} Ended */
/** @typedef {import("./support/truth-clients.mjs").Caller} Caller */
/** @typedef {{ caller: Caller, phase: string, asked: Asked, how: string, ended: Ended }} Told */

/** How a call is to end, the status that its answer then has, and how often it is asked for. */
const ways = [
  { how: "", code: grpc.status.OK, weight: 12 },
  { how: "Conflict", code: grpc.status.ABORTED, weight: 3 },
  { how: "Away", code: grpc.status.UNAVAILABLE, weight: 1 },
  { how: "Busy", code: grpc.status.RESOURCE_EXHAUSTED, weight: 1 },
  { how: "Late", code: grpc.status.DEADLINE_EXCEEDED, weight: 1 },
  { how: "throw", code: grpc.status.INTERNAL, weight: 1 },
  { how: "no message", code: grpc.status.INVALID_ARGUMENT, weight: 1 },
];
const drawn = ways.flatMap((way) => Array.from({ length: way.weight }, () => way));
const manySessions = 10_050;
/** The share of calls in a session, with time enough, whose outcome stays unknown: those whose session went meanwhile. */
const mostUnknown = 0.05;
const patient = [30_000];
/** Some too short for any answer. */
const hurried = [20, 80, 300, 1_500, 8_000];

/** @param {import("./run.mjs").Options} options */
export async function run({ parameters, progress }) {
  const calls = flagNumber(parameters, "--calls", 10_000);
  const seconds = flagNumber(parameters, "--seconds", 100);
  const languages = (flagValue(parameters, "--languages") ?? "typescript,python,go").split(",");
  if (languages.includes("python")) need("python", "python generators");
  if (languages.includes("go")) need("go");
  const seed = seedOf(parameters);
  progress(`seed ${seed}: ${calls} calls, faults for ${seconds} s, in ${languages.join(", ")}`);
  const truth = { name: "truth.v1.Truth", folder: "truth", module: "service.mjs" };
  const cluster = await ServiceCluster.start(truth);
  const { processes } = cluster;
  /** @type {Caller[]} */
  const callers = [];
  try {
    const addresses = processes.replicas;
    const { directory } = processes.plan;
    callers.push(library(addresses), byName(addresses), execute(addresses));
    if (languages.includes("python")) callers.push(...python(directory, addresses));
    if (languages.includes("go")) callers.push(...go(directory, addresses));
    const scene = new Scene(cluster, callers, random(seed));
    await scene.call("quiet", calls / 10, 0, patient);
    await openSessions(addresses);
    progress("every session is let go");
    await scene.call("sessions gone", calls / 10, 0, patient);
    let over = false;
    const faults = disturb(cluster, random(seed + 1), () => over, progress);
    await scene.call("faults", (calls * 8) / 10, seconds, hurried);
    over = true;
    const done = await faults;
    await processes.ready();
    await scene.settle();
    return verdict(scene, { seed, calls: scene.told.length, faults: done });
  } finally {
    for (const caller of callers) caller.close();
    await cluster.end();
  }
}

/** The calls, and the log that they are compared with. */
class Scene {
  /** @type {Told[]} */ told = [];
  judge = new LogJudge();
  #cluster;
  #callers;
  #draw;
  #id = 0;

  /** @param {ServiceCluster} cluster @param {Caller[]} callers @param {() => number} draw */
  constructor(cluster, callers, draw) {
    this.#cluster = cluster;
    this.#callers = callers;
    this.#draw = draw;
  }

  /** @param {string} phase @param {number} count @param {number} seconds that it is to last, at least @param {number[]} deadlinesMs */
  async call(phase, count, seconds, deadlinesMs) {
    const workers = this.#callers.flatMap((caller) =>
      Array.from({ length: caller.workers }, (_, worker) => ({ caller, worker })),
    );
    const pauseMs = (seconds * 1_000 * workers.length) / count;
    let left = Math.round(count);
    const reading = setInterval(() => void this.#read(), 1_000);
    await Promise.all(
      workers.map(async ({ caller, worker }) => {
        while (left-- > 0) {
          const { how } = pick(this.#draw, drawn);
          const asked = this.#asked(how, pick(this.#draw, deadlinesMs));
          this.told.push({ caller, phase, asked, how, ended: await caller.call(worker, asked) });
          await new Promise((resolve) => setTimeout(resolve, 2 * pauseMs * this.#draw()));
        }
      }),
    );
    clearInterval(reading);
  }

  /** Waits until nothing more comes, late copies included, and every replica has been read to its end. */
  async settle() {
    const { processes, replicas } = this.#cluster;
    let before = -1;
    await until(
      "an end of the log",
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 2_000));
        await this.#read();
        const states = await Promise.all(replicas.map(async (id) => (await processes.status(id))?.state));
        const read = states.every((state) => state?.role === "replica" && state.slotOut <= this.judge.next);
        const same = before === this.judge.copies;
        before = this.judge.copies;
        return read && same;
      },
      60_000,
    );
  }

  #busy = false;

  /** From whichever replica answers, before it forgets. */
  async #read() {
    if (this.#busy) return;
    this.#busy = true;
    for (const address of this.#cluster.processes.replicas)
      await this.judge.read(address).catch((/** @type {Error} */ error) => {
        if (!("code" in error)) throw error;
      });
    this.#busy = false;
  }

  /** @param {string} how @param {number} deadlineMs @returns {Asked} */
  #asked(how, deadlineMs) {
    const id = ++this.#id;
    const request =
      how === "no message"
        ? Buffer.concat([Buffer.from([0x0f]), Buffer.from(String(id))])
        : this.#cluster.encoded("Do", { id: String(id), how });
    return { method: "Do", request, deadlineMs };
  }

  /** @param {Told} told @returns {string | undefined} what was said that is not so */
  lie({ asked, how, ended, caller }) {
    const executions = this.judge.executions(asked.method, asked.request);
    const [first] = executions;
    const said = `${caller.language} ${caller.way}: ${ended.outcome}, ${grpc.status[ended.code]}`;
    if (executions.length > 1) return `${said}, executed ${executions.length} times`;
    if (ended.outcome === "unknown") return undefined;
    if (ended.outcome === "not-executed")
      return first ? `${said}, executed in slot ${first.slot}` : undefined;
    if (ended.outcome !== "answered") return `${said}: no outcome`;
    const expected = ways.find((way) => way.how === how)?.code;
    if (!first) return `${said}, not in the log`;
    if (ended.code !== expected) return `${said}, expected ${grpc.status[expected ?? 0]}`;
    if (ended.slot !== 0 && ended.slot !== first.slot)
      return `${said}, slot ${ended.slot}, in the log ${first.slot}`;
    if (how !== "") return undefined;
    const { revision } = this.#cluster.decoded("Do", {
      ...{ code: 0, message: "", details: "", slot: 0 },
      response: Buffer.from(ended.response).toString("base64"),
    });
    return Number(revision) === first.revision
      ? undefined
      : `${said}, answer ${revision}, in the log ${first.revision}`;
  }
}

/**
 * Why nobody can know: time was up, a connection broke, a session went while an attempt might have been executed under it, or
 * such an attempt came before one that was refused.
 * @param {Told} told
 */
function inherent({ caller, ended: { code } }) {
  const { ABORTED, CANCELLED, DEADLINE_EXCEEDED, INTERNAL, INVALID_ARGUMENT, UNAVAILABLE, UNKNOWN } =
    grpc.status;
  const broken = [CANCELLED, INTERNAL, UNKNOWN];
  const own = caller.way === "session" ? [INVALID_ARGUMENT] : broken;
  return [ABORTED, DEADLINE_EXCEEDED, UNAVAILABLE, ...own].includes(code);
}

/** @param {Scene} scene @param {Record<string, unknown>} figures */
function verdict(scene, figures) {
  /** @type {Record<string, Record<string, number>>} */
  const endings = {};
  const lies = [];
  let unknown = 0;
  let needless = 0;
  /** Of calls in a session with time for another replica, and for a fault to pass. */
  const withTime = { calls: 0, unknown: 0 };
  for (const told of scene.told) {
    const { caller, ended, phase } = told;
    const ending = `${ended.outcome} ${grpc.status[ended.code]}`;
    const counts = endings[ending] ?? {};
    endings[ending] = counts;
    const who = `${caller.language} ${caller.way}`;
    counts[who] = (counts[who] ?? 0) + 1;
    const lie = scene.lie(told);
    if (lie) lies.push(lie);
    const isUnknown = ended.outcome === "unknown";
    if (isUnknown) unknown++;
    if (isUnknown && !inherent(told)) lies.push(`${who}: ${ending}`);
    if (caller.way === "session" && phase === "faults" && told.asked.deadlineMs === Math.max(...hurried)) {
      withTime.calls++;
      if (isUnknown) withTime.unknown++;
    }
    // While nothing is wrong everything has an answer, but what is no message.
    const usual = told.how === "no message" ? "not-executed" : "answered";
    if (phase !== "faults" && ended.outcome !== usual) {
      needless++;
      lies.push(`${phase}: ${who} "${told.how}": ${ending}`);
    }
  }
  return {
    holds:
      lies.length === 0 &&
      scene.judge.refused > 0 &&
      unknown > 0 &&
      withTime.unknown <= withTime.calls * mostUnknown,
    figures: {
      ...figures,
      lies: lies.length,
      ...(lies.length > 0 ? { which: lies.slice(0, 10) } : {}),
      unknown,
      notAnsweredWithoutFaults: needless,
      inSessionsWithTime: withTime,
      copiesInTheLog: scene.judge.copies,
      refusedByTheLog: scene.judge.refused,
      endings,
    },
  };
}

/** Others open sessions until every older one is let go. @param {string[]} addresses */
async function openSessions(addresses, count = manySessions) {
  const clients = addresses.map((address) => new grpc.Client(address, grpc.credentials.createInsecure()));
  let left = count;
  await Promise.all(
    Array.from({ length: 300 }, async (_, index) => {
      const client = /** @type {grpc.Client} */ (clients[index % clients.length]);
      while (left-- > 0)
        await callUnary(client, replicaService.OpenSession, {}, { deadline: Date.now() + 20_000 }).catch(
          () => left++,
        );
    }),
  );
  for (const client of clients) client.close();
}

/**
 * One fault after the other. @param {ServiceCluster} cluster @param {() => number} draw @param {() => boolean} over
 * @param {(line: string) => void} progress @returns {Promise<Record<string, number>>} how many of each
 */
async function disturb({ processes, replicas }, draw, over, progress) {
  const wait = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));
  /** @param {string[]} ids @param {number} ms */
  const paused = async (ids, ms) => {
    for (const id of ids) processes.signal(id, "SIGSTOP");
    await wait(ms);
    for (const id of ids) processes.signal(id, "SIGCONT");
  };
  /** @param {string} id @param {NodeJS.Signals} signal */
  const restarted = async (id, signal) => {
    processes.signal(id, signal);
    await processes.child(id).ended;
    await wait(500 * draw());
    processes.start(id);
    await processes.ready([id]);
  };
  /** @type {Record<string, () => Promise<unknown>>} */
  const faults = {
    "replica killed": () => restarted(pick(draw, replicas), "SIGKILL"),
    "replica shut down": () => restarted(pick(draw, replicas), "SIGTERM"),
    "replica shut down without a majority": async () => {
      const stalled = paused(["a1", "a2"], 1_500);
      await wait(400);
      await restarted(pick(draw, replicas), "SIGTERM").catch(() => {});
      await stalled;
    },
    "replica paused": () => paused([pick(draw, replicas)], 200 + 3_000 * draw()),
    "no majority": () => paused(["a2", "a3"], 200 + 1_500 * draw()),
    "leader killed": async () => restarted(await processes.leader(), "SIGKILL"),
    "sessions let go": () => openSessions(processes.replicas.slice(0, 2)),
  };
  const names = Object.keys(faults);
  /** @type {Record<string, number>} */
  const done = Object.fromEntries(names.map((fault) => [fault, 0]));
  for (let turn = 0; !over(); turn++) {
    // Each once, and then as they are drawn.
    const fault = names[turn] ?? pick(draw, names);
    await faults[fault]?.();
    done[fault] = (done[fault] ?? 0) + 1;
    progress(fault);
    await wait(1_000 * draw());
  }
  return done;
}
