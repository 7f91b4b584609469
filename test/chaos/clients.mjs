// The client processes, the history that they make together, and how steadily they were answered.
import { fork } from "node:child_process";
import { createWriteStream } from "node:fs";
import path from "node:path";
import { nowMs } from "../acceptance/support/lock-caller.mjs";

/** @typedef {import("./client.mjs").ClientReport} ClientReport */

const workers = 24;

export class Clients {
  acknowledged = 0;
  #file;
  #children;
  #ended;
  #quiet = 0;
  #startedAtMs = nowMs();
  /** Seconds in which something was acknowledged. @type {Set<number>} */ #goodSeconds = new Set();

  /**
   * @param {string[]} replicas
   * @param {{ history: string, seed: number, ratePerSecond: number, hides: boolean, processes?: number }} options
   *   `hides`: the first of them has the planted fault. The last one sends everything to all replicas.
   */
  constructor(replicas, { history, seed, ratePerSecond, hides, processes = 3 }) {
    this.#file = createWriteStream(history);
    this.#children = Array.from({ length: processes }, (_, index) => {
      // Each begins with another replica.
      const rotated = [...replicas.slice(index), ...replicas.slice(0, index)];
      /** @type {import("./client.mjs").ClientOptions} */
      const options = {
        name: `p${index + 1}`,
        replicas: rotated,
        workers,
        ratePerSecond: ratePerSecond / processes,
        seed: seed + index,
        sendToAll: index === processes - 1,
        hides: hides && index === 0,
      };
      return fork(path.join(import.meta.dirname, "client.mjs"), [JSON.stringify(options)], { execArgv: [] });
    });
    this.#ended = Promise.all(this.#children.map((child) => this.#follow(child)));
    // Whoever stops them hears of it.
    this.#ended.catch(() => {});
  }

  /** @param {import("node:child_process").ChildProcess} child */
  #follow(child) {
    child.on("message", (message) => {
      if (message === "quiet") {
        this.#quiet++;
        return;
      }
      const report = /** @type {ClientReport} */ (message);
      for (const line of report.lines) this.#file.write(`${line}\n`);
      this.acknowledged += report.acknowledged;
      if (report.acknowledged > 0) this.#goodSeconds.add(Math.floor((nowMs() - this.#startedAtMs) / 1_000));
    });
    return /** @type {Promise<void>} */ (
      new Promise((resolve, reject) =>
        child.once("exit", (code) =>
          code === 0 ? resolve() : reject(new Error(`a client process ended with ${code}`)),
        ),
      )
    );
  }

  /** Of the whole seconds since the beginning, the share in which something was acknowledged. */
  get progress() {
    const seconds = Math.max(1, Math.floor((nowMs() - this.#startedAtMs) / 1_000));
    return [...this.#goodSeconds].filter((second) => second < seconds).length / seconds;
  }

  /** Every outstanding call gets its answer or runs out of time. */
  async calm() {
    for (const child of this.#children) child.send("stop");
    while (this.#quiet < this.#children.length)
      await Promise.race([this.#ended, new Promise((resolve) => setTimeout(resolve, 20))]);
  }

  /** Reads every key back, ends the processes, and completes the history. */
  async finish() {
    for (const child of this.#children) child.send("read");
    await this.#ended;
    await new Promise((resolve) => this.#file.end(resolve));
  }

  kill() {
    for (const child of this.#children) child.kill("SIGKILL");
    this.#file.destroy();
  }
}
