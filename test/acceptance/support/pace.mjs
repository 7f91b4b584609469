// A measured load from several client processes: how many commands a second, and how long they took, over any window.
import { fork } from "node:child_process";
import path from "node:path";

/** @typedef {import("./pace-client.mjs").PaceOrder} PaceOrder */
/** @typedef {import("./pace-client.mjs").PaceReport} PaceReport */

export class Pace {
  #children;
  #ended;
  #ready;
  /** When each command ended, and how long it took, in the order of reports. @type {number[]} */
  #at = [];
  /** @type {number[]} */
  #ms = [];
  #keepsTimes;
  acknowledged = 0;
  /** @type {Map<string, number>} */
  failed = new Map();

  /**
   * @param {string[]} replicas
   * @param {{ processes?: number, keys?: number, valueBytes?: number, keepsTimes?: boolean }} [options]
   */
  constructor(replicas, { processes = 3, keys = 10_000, valueBytes = 100, keepsTimes = true } = {}) {
    this.#keepsTimes = keepsTimes;
    this.#children = Array.from({ length: processes }, (_, index) => {
      const first = index % replicas.length;
      const rotated = [...replicas.slice(first), ...replicas.slice(0, first)];
      return fork(
        path.join(import.meta.dirname, "pace-client.mjs"),
        [JSON.stringify({ replicas: rotated, keys, valueBytes })],
        { execArgv: [], serialization: "advanced" },
      );
    });
    this.#ended = Promise.all(this.#children.map((child) => this.#follow(child)));
    this.#ended.catch(() => {});
    this.#ready = Promise.all(this.#children.map((child) => readyOf(child)));
  }

  /** Resolves when every process has had its first answer. */
  async ready() {
    await Promise.race([this.#ready, this.#ended]);
  }

  /** @param {import("node:child_process").ChildProcess} child */
  #follow(child) {
    child.on("message", (message) => {
      const report = /** @type {PaceReport} */ (message);
      if (report.kind !== "took") return;
      this.acknowledged += report.ms.length;
      for (const reason of report.failed) this.failed.set(reason, (this.failed.get(reason) ?? 0) + 1);
      if (!this.#keepsTimes) return;
      for (const at of report.at) this.#at.push(at);
      for (const ms of report.ms) this.#ms.push(ms);
    });
    return /** @type {Promise<void>} */ (
      new Promise((resolve, reject) => {
        child.once("exit", (code) =>
          code === 0 ? resolve() : reject(new Error(`a load process ended with ${code}`)),
        );
      })
    );
  }

  get processes() {
    return this.#children.length;
  }

  /** Keeps so many commands outstanding, `commands` in all at most. @param {number} count */
  outstanding(count, commands = Number.MAX_SAFE_INTEGER) {
    const share = this.processes;
    this.#order({
      kind: "outstanding",
      count: Math.ceil(count / share),
      commands: Math.ceil(commands / share),
    });
  }

  /** Begins so many commands a second, whether or not the last ones have ended. @param {number} perSecond */
  rate(perSecond) {
    this.#order({ kind: "rate", perSecond: perSecond / this.processes });
  }

  /** @param {PaceOrder} order */
  #order(order) {
    for (const child of this.#children) if (child.connected) child.send(order);
  }

  /** What ended between two moments of the wall clock. @param {number} from @param {number} until */
  window(from, until) {
    const times = this.#ms.filter((_, index) => {
      const at = this.#at[index] ?? 0;
      return at >= from && at < until;
    });
    const sorted = Float64Array.from(times).sort();
    /** @param {number} share */
    const at = (share) =>
      Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1));
    return {
      commands: sorted.length,
      perSecond: Math.round(sorted.length / ((until - from) / 1000)),
      p50: at(0.5),
      p99: at(0.99),
      longest: at(1),
    };
  }

  /** Ends the load: every outstanding command gets its answer first. */
  async stop() {
    this.#order({ kind: "stop" });
    await this.#ended;
  }

  kill() {
    for (const child of this.#children) child.kill("SIGKILL");
  }
}

/** @param {import("node:child_process").ChildProcess} child */
function readyOf(child) {
  return /** @type {Promise<void>} */ (
    new Promise((resolve) => {
      child.on("message", (message) => {
        if (/** @type {PaceReport} */ (message).kind === "ready") resolve();
      });
    })
  );
}

/** @param {number[]} numbers */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
