// Three hostile clients at once fill each of the bounds that stand in docs/operations.md, one after the other, by calls within the
// documented limits, while another client goes on as before.
import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { withoutMajority } from "./bounds/without-majority.mjs";
import { flagNumber } from "./support/flags.mjs";
import { equalReplicas } from "./support/load.mjs";
import { Pace } from "./support/pace.mjs";
import { ServiceCluster } from "./support/service-cluster.mjs";

export const name = "bounds";
export const promise =
  "three hostile clients at once, filling one bound after the other: memory stays below what is documented, others' p99 within 3 ×";

/** Anonymous memory of a process, by role, as docs/operations.md states it; lmdb's file is not in it. */
const memoryMib = { replica: 1_024, leader: 512, acceptor: 512 };
const mostSlower = 3;
const hostiles = 3;
const perSecond = 50;
/** From the last attack to when everything has to be as before. */
const afterMs = 10_000;
const service = { name: "bounds.v1.Heavy", folder: "bounds", module: "heavy.mjs" };

/**
 * A call of the heavy service, or what a client does at the replicas' edge (edge.mjs), or below gRPC (under-way.mjs).
 * @typedef {{ what: string, method: string, request: object, outstanding: number, session?: boolean, stale?: boolean }} HeavyAttack
 * @typedef {{ what: string, kind: string, outstanding: number }} EdgeAttack
 * @typedef {HeavyAttack | EdgeAttack} Attack
 */

/** Ordinary calls, as many at once: what they cost others is what any busy neighbour costs. @type {Attack} */
const ordinary = {
  what: "ordinary calls",
  method: "Write",
  request: { rows: 1, bytes: 100 },
  outstanding: 20,
};

/** @type {Attack[]} */
const attacks = [
  {
    what: "rows that the commands of a slot write",
    method: "Write",
    request: { rows: 10_000, bytes: 10 },
    outstanding: 20,
  },
  {
    what: "bytes that the commands of a slot write",
    method: "Write",
    request: { rows: 4, bytes: 1_000_000 },
    outstanding: 20,
  },
  {
    what: "answers that sessions keep",
    method: "Answer",
    request: { bytes: 1_000_000 },
    outstanding: 20,
    session: true,
  },
  { what: "answers to queries", method: "Read", request: { rows: 1, bytes: 512_000 }, outstanding: 70 },
  { what: "rows that queries read", method: "Read", request: { rows: 10_000, bytes: 0 }, outstanding: 20 },
  {
    what: "rows of a replica's own state",
    method: "Read",
    request: { rows: 10_000, bytes: 0 },
    outstanding: 100,
    stale: true,
  },
  { what: "scheduled commands", method: "Schedule", request: { rows: 4, bytes: 1_000_000 }, outstanding: 20 },
  { what: "places of commands that wait", kind: "greedy", outstanding: 20_000 },
  { what: "sessions", kind: "sessions", outstanding: 60 },
  { what: "requests that are no commands", kind: "malformed", outstanding: 3_000 },
  { what: "answers that nobody reads", kind: "mute", outstanding: 450 },
  { what: "states that nobody reads to the end", kind: "snapshots", outstanding: 30 },
  { what: "pages of the log", kind: "logs", outstanding: 100 },
  { what: "requests that never become whole", kind: "endless", outstanding: 1_500 },
  { what: "answers to single requests that nobody takes", kind: "untaken", outstanding: 450 },
];

/** @type {EdgeAttack} */
const flood = { what: "calls without a session and without a majority", kind: "large", outstanding: 600 };

/** @param {{ parameters: string[], progress: (line: string) => void }} options `--seconds N` of each attack; `--only WORD` */
export async function run({ parameters, progress }) {
  const seconds = flagNumber(parameters, "--seconds", 25);
  const only = parameters[parameters.indexOf("--only") + 1] ?? "";
  const chosen = parameters.includes("--only") ? attacks.filter(({ what }) => what.includes(only)) : attacks;
  const cluster = await ServiceCluster.start(service);
  const bench = new Bench(cluster, seconds * 1_000, progress);
  try {
    const figures = await bench.measure(chosen);
    const flooded = await bench.flooded(only === "" || flood.what.includes(only));
    const { equal } = await equalReplicas(cluster.processes);
    return {
      holds: equal && bench.problems.length === 0,
      figures: { ...figures, ...flooded, replicasEqual: equal, problems: bench.problems },
    };
  } finally {
    bench.end();
    await cluster.end();
  }
}

/** An innocent client, and what it and the processes feel. */
class Bench {
  #cluster;
  #lastsMs;
  #progress;
  #pace;
  /** @type {Map<string, number>} */ #most = new Map();
  #sampling;
  /** @type {string[]} */ problems = [];

  /** @param {ServiceCluster} cluster @param {number} lastsMs @param {(line: string) => void} progress */
  constructor(cluster, lastsMs, progress) {
    this.#cluster = cluster;
    this.#lastsMs = lastsMs;
    this.#progress = progress;
    this.#pace = new Pace(cluster.processes.replicas, { processes: 1 });
    this.#sampling = setInterval(() => this.#sample(), 100);
  }

  /** @param {Attack[]} chosen */
  async measure(chosen) {
    await this.#pace.ready();
    this.#pace.rate(perSecond);
    const alone = await this.#felt("alone");
    const beside = await this.#felt(ordinary.what, ordinary);
    /** @type {Record<string, object>} */
    const felt = { alone, [ordinary.what]: beside };
    for (const attack of chosen) {
      const during = await this.#felt(attack.what, attack);
      felt[attack.what] = during;
      if (during.p99 > mostSlower * beside.p99)
        this.problems.push(
          `${attack.what}: p99 of others ${during.p99} ms, beside ordinary calls ${beside.p99} ms`,
        );
      await rest(3_000);
    }
    // What the last ones left behind is still being cleared away.
    await rest(afterMs);
    const after = await this.#felt("afterwards");
    if (after.p99 > mostSlower * alone.p99)
      this.problems.push(`afterwards: p99 ${after.p99} ms, alone it was ${alone.p99} ms`);
    if (this.#pace.failed.size > 0)
      this.problems.push(`of others' calls failed: ${JSON.stringify([...this.#pace.failed])}`);
    return { ...felt, afterwards: after };
  }

  /** The innocent client has gone: nobody is served meanwhile. @param {boolean} wanted */
  async flooded(wanted) {
    if (!wanted) return {};
    this.end();
    const { problems, figures } = await withoutMajority(this.#cluster.processes, {
      lastsMs: this.#lastsMs,
      hostile: () => this.#hostile(flood),
      ended,
      mibOf: anonymousMib,
      mostMib: memoryMib.replica,
    });
    this.problems.push(...problems);
    this.#progress(`${flood.what}: ${JSON.stringify(figures)}`);
    return { [flood.what]: figures };
  }

  /** @param {string} what @param {Attack} [attack] */
  async #felt(what, attack) {
    this.#most.clear();
    const from = performance.timeOrigin + performance.now();
    const children = attack ? Array.from({ length: hostiles }, () => this.#hostile(attack)) : [];
    await rest(this.#lastsMs);
    const until = performance.timeOrigin + performance.now();
    const statuses = await Promise.all(children.map(ended));
    // Calls that began meanwhile have their answers by then.
    await rest(1_000);
    const { commands, p50, p99, longest } = this.#pace.window(from, until);
    const memory = this.#memory(what);
    const felt = { commands, p50, p99, longest, memory, hostile: summed(statuses) };
    this.#progress(`${what}: ${JSON.stringify(felt)}`);
    return felt;
  }

  /** @param {Attack} attack */
  #hostile(attack) {
    const { processes, descriptors } = this.#cluster;
    const options = { replicas: processes.replicas, descriptors, ...attack };
    const below = "kind" in attack && ["endless", "untaken"].includes(attack.kind);
    const program = below ? "under-way.mjs" : "kind" in attack ? "edge.mjs" : "hostile.mjs";
    return fork(path.join(import.meta.dirname, "bounds", program), [JSON.stringify(options)], {
      execArgv: [],
    });
  }

  #sample() {
    const { processes } = this.#cluster;
    for (const { id } of processes.plan.members) {
      try {
        const mib = anonymousMib(processes.child(id).pid);
        this.#most.set(id, Math.max(mib, this.#most.get(id) ?? 0));
      } catch {
        // It has ended, which the innocent client feels.
      }
    }
  }

  /** The most that a process of each role took. @param {string} what */
  #memory(what) {
    /** @type {Record<string, number>} */
    const most = {};
    for (const { id, role } of this.#cluster.processes.plan.members) {
      const mib = this.#most.get(id) ?? 0;
      most[role] = Math.max(most[role] ?? 0, mib);
      if (mib > memoryMib[role])
        this.problems.push(`${what}: ${id} took ${mib} MiB; documented are ${memoryMib[role]}`);
    }
    return most;
  }

  end() {
    clearInterval(this.#sampling);
    this.#pace.kill();
  }
}

/** @param {import("node:child_process").ChildProcess} child @returns {Promise<Record<string, number>>} */
function ended(child) {
  return new Promise((resolve) => {
    child.once("message", (statuses) => resolve(/** @type {Record<string, number>} */ (statuses)));
    child.once("exit", () => resolve({}));
    child.send("end");
  });
}

/** @param {Record<string, number>[]} all */
function summed(all) {
  /** @type {Record<string, number>} */
  const sum = {};
  for (const one of all)
    for (const [status, count] of Object.entries(one)) sum[status] = (sum[status] ?? 0) + count;
  return sum;
}

/** @param {number | undefined} pid */
function anonymousMib(pid) {
  const [, kib = "0"] = /^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1")) ?? [];
  return Math.round(Number(kib) / 1024);
}

/** @param {number} ms */
const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
