// Load from several client processes, and what it proves afterwards: nothing acknowledged is lost, nothing is twice.
import { fork } from "node:child_process";
import path from "node:path";
import { connect } from "@synod/client";

/** @typedef {import("./load-client.mjs").LoadReport} LoadReport */

export const lists = 64;

export class Load {
  #children;
  /** @type {Set<string>} */ acknowledged = new Set();
  /** Ids with an unknown outcome, and why. @type {Map<string, string>} */ failed = new Map();
  /** When acknowledgements came in, in ms. @type {number[]} */ times = [];
  tried = 0;
  /** Nothing new is sent any more. */
  stopped = false;
  #ended;

  /**
   * @param {string[]} replicas
   * @param {{ processes?: number, outstanding?: number, pauseMs?: number, deadlineMs?: number, tally?: string }} [options]
   *   `outstanding` in each process; `pauseMs` and `tally` as load-client.mjs has them
   */
  constructor(replicas, { processes = 3, outstanding = 24, pauseMs = 0, deadlineMs = 30_000, tally } = {}) {
    this.#children = Array.from({ length: processes }, (_, index) => {
      // Each begins with another replica.
      const rotated = [
        ...replicas.slice(index % replicas.length),
        ...replicas.slice(0, index % replicas.length),
      ];
      const options = {
        name: `p${index + 1}`,
        replicas: rotated,
        outstanding,
        pauseMs,
        lists,
        deadlineMs,
        tally,
      };
      return fork(path.join(import.meta.dirname, "load-client.mjs"), [JSON.stringify(options)], {
        execArgv: [],
      });
    });
    this.#ended = Promise.all(this.#children.map((child) => this.#follow(child)));
    // Whoever stops or awaits the load hears of it.
    this.#ended.catch(() => {});
  }

  /** @param {import("node:child_process").ChildProcess} child */
  #follow(child) {
    child.on("message", (message) => {
      const report = /** @type {LoadReport} */ (message);
      if (report.kind === "failed") this.failed.set(report.id, report.message);
      if (report.kind === "done") this.tried += report.tried;
      if (report.kind !== "acknowledged") return;
      for (const id of report.ids) this.acknowledged.add(id);
      if (report.ids.length > 0) this.times.push(report.at);
    });
    return /** @type {Promise<void>} */ (
      new Promise((resolve, reject) => {
        child.once("exit", (code) =>
          code === 0 ? resolve() : reject(new Error(`a load process ended with ${code}`)),
        );
      })
    );
  }

  /** Waits until so many more commands were acknowledged. @param {number} count */
  async more(count, withinMs = 60_000) {
    const wanted = this.acknowledged.size + count;
    const giveUpAt = Date.now() + withinMs;
    while (this.acknowledged.size < wanted) {
      if (Date.now() > giveUpAt)
        throw new Error(
          `only ${this.acknowledged.size} of ${wanted} commands acknowledged within ${withinMs} ms`,
        );
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /**
   * Waits for something during which the cluster must go on: commands are acknowledged while it is awaited.
   * @template T
   * @param {Promise<T>} awaited
   */
  async moreUntil(awaited, withinMs = 120_000) {
    const giveUpAt = Date.now() + withinMs;
    let over = false;
    const ended = awaited.finally(() => {
      over = true;
    });
    while (!over) {
      if (Date.now() > giveUpAt) throw new Error(`what was awaited did not happen within ${withinMs} ms`);
      await Promise.race([ended, this.more(1, withinMs)]);
    }
    return ended;
  }

  /** The longest time without an acknowledgement after `from` and before `until`, in ms. */
  longestGap(from = 0, until = Number.POSITIVE_INFINITY) {
    const times = this.times.filter((at) => at >= from && at <= until).sort((a, b) => a - b);
    let longest = 0;
    let before = from > 0 ? from : (times[0] ?? 0);
    for (const at of times) {
      longest = Math.max(longest, at - before);
      before = at;
    }
    return Number.isFinite(until) ? Math.max(longest, until - before) : longest;
  }

  /** Ends the load: every outstanding command gets its answer first. */
  async stop() {
    this.stopped = true;
    for (const child of this.#children) if (child.connected) child.send("stop");
    await this.#ended;
  }

  kill() {
    this.stopped = true;
    for (const child of this.#children) child.kill("SIGKILL");
  }
}

/**
 * Reads the lists back: how often each command was executed.
 * @param {string[]} replicas
 * @returns {Promise<Map<string, number>>}
 */
export async function executions(replicas) {
  const client = connect({ replicas, deadlineMs: 20_000 });
  try {
    /** @type {{ Get(request: { key: string }): Promise<{ value: Uint8Array }> }} */
    const store = client.service("synod.kv.v1.KeyValue");
    /** @type {Map<string, number>} */
    const seen = new Map();
    for (let list = 0; list < lists; list++) {
      const { value } = await store.Get({ key: `list-${list}` });
      const ids = Buffer.from(value).toString("latin1").split(";").filter(Boolean);
      for (const id of ids) seen.set(`${id};`, (seen.get(`${id};`) ?? 0) + 1);
    }
    return seen;
  } finally {
    client.close();
  }
}

/**
 * Reads the lists back and holds them against what was acknowledged.
 * @param {string[]} replicas
 * @param {Pick<Load, "acknowledged" | "failed">} load
 */
export async function verify(replicas, { acknowledged, failed }) {
  const seen = await executions(replicas);
  const lost = [...acknowledged].filter((id) => !seen.has(id));
  const doubled = [...seen].filter(([, count]) => count > 1).map(([id]) => id);
  return {
    acknowledged: acknowledged.size,
    executed: seen.size,
    lost: lost.length,
    doubled: doubled.length,
    failed: failed.size,
  };
}

/**
 * Waits until all replicas have applied the same slot, and compares what each says of itself.
 * @param {import("./processes.mjs").Processes} processes
 */
export async function equalReplicas(processes, withinMs = 20_000) {
  const giveUpAt = Date.now() + withinMs;
  for (;;) {
    const states = await Promise.all(processes.ids("replica").map((id) => processes.status(id)));
    const told = states.map((status) =>
      status?.state.role === "replica" ? `${status.state.slotOut} ${status.state.hash}` : "no answer",
    );
    if (new Set(told).size === 1 && told[0] !== "no answer") return { equal: true, states: told };
    const slots = new Set(told.map((one) => one.split(" ")[0]));
    if (Date.now() > giveUpAt || (slots.size === 1 && told[0] !== "no answer"))
      return { equal: false, states: told };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
