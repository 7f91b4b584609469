// The client processes that contend for one lock, and what becomes of each hold: most are released, a few are let lapse by
// a client that goes on, stands still, or dies.
import { fork } from "node:child_process";
import path from "node:path";
import { until } from "./processes.mjs";

/** @typedef {import("./lock-client.mjs").LockReport} LockReport @typedef {import("./lock-client.mjs").Order} Order */
/**
 * @typedef {{ name: string, process: import("node:child_process").ChildProcess, fate: "none" | "pause" | "die",
 *   holds: number, paused: boolean }} Contender `fate` is what comes once it has written, `holds` the number of its latest
 *   acquisition among all
 */

export const lock = "contended";
export const ttlMs = 2_000;
const renewEvery = 10;
const clients = 3;
const lapseKinds = /** @type {const} */ (["lapse", "pause", "die"]);

export class Contenders {
  /** What every client asked and was told. @type {import("./lock-caller.mjs").Note[]} */ notes = [];
  acquired = 0;
  lapses = { lapse: 0, pause: 0, die: 0 };
  /** How guarded writes of holders that had lost their lock ended. */
  staleWrites = { refused: 0, accepted: 0 };
  /** Calls that ended without an answer, or clients that did. @type {string[]} */ failures = [];
  #replicas;
  #progress;
  /** By number of the acquisition. @type {Map<number, "lapse" | "pause" | "die">} */ #plan;
  /** @type {Set<Contender>} */ #contenders = new Set();
  #started = 0;
  #ending = false;

  /** @param {{ replicas: string[], acquisitions: number, lapses: number, progress: (line: string) => void }} options */
  constructor({ replicas, acquisitions, lapses, progress }) {
    this.#replicas = replicas;
    this.#progress = progress;
    const distance = acquisitions / (lapses + 1);
    this.#plan = new Map(
      Array.from({ length: lapses }, (_, index) => [
        Math.max(1, Math.round((index + 1) * distance)),
        lapseKinds[index % lapseKinds.length] ?? "lapse",
      ]),
    );
    for (let client = 0; client < clients; client++) this.#start();
  }

  /** Waits until the lock was acquired so many times in all. @param {number} count */
  async reached(count, withinMs = 120_000) {
    const check = () => {
      if (this.failures.length > 0) throw new Error(`a client failed: ${this.failures.join("; ")}`);
      return this.acquired >= count;
    };
    await until(`${count} acquisitions, with ${this.acquired} now`, check, withinMs, 10);
  }

  /** Every client ends after its next hold. */
  async stop() {
    this.#ending = true;
    await until("every client to end", () => this.#contenders.size === 0);
    if (this.failures.length > 0) throw new Error(`a client failed: ${this.failures.join("; ")}`);
  }

  kill() {
    this.#ending = true;
    for (const contender of this.#contenders) {
      contender.fate = "die";
      contender.process.kill("SIGKILL");
    }
  }

  #start() {
    const turn = this.#started % this.#replicas.length;
    const replicas = [...this.#replicas.slice(turn), ...this.#replicas.slice(0, turn)];
    const name = `p${++this.#started}`;
    const script = path.join(import.meta.dirname, "lock-client.mjs");
    // One in three asks every replica at once: what it asks is decided several times, and executed once.
    const options = { name, replicas, lock, ttlMs, sendToAll: this.#started % clients === 0 };
    const child = fork(script, [JSON.stringify(options)], { execArgv: [] });
    /** @type {Contender} */
    const contender = { name, process: child, fate: "none", holds: 0, paused: false };
    this.#contenders.add(contender);
    child.on("message", (message) => this.#heard(contender, /** @type {LockReport} */ (message)));
    child.once("exit", (code) => {
      this.#contenders.delete(contender);
      if (code !== 0 && contender.fate !== "die") this.failures.push(`${name} ended with ${code}`);
    });
  }

  /** @param {Contender} contender @param {LockReport} report */
  #heard(contender, report) {
    if ("notes" in report) this.notes.push(...report.notes);
    if (report.kind === "failed") this.failures.push(`${contender.name}: ${report.message}`);
    else if (report.kind === "acquired") contender.process.send(this.#order(contender));
    else if (report.kind === "wrote") this.#wrote(contender, report.how);
    else if (report.kind === "stale-write")
      this.staleWrites[report.how === "stale" ? "refused" : "accepted"] += 1;
  }

  /** @param {Contender} contender @returns {Order} */
  #order(contender) {
    this.acquired += 1;
    contender.holds = this.acquired;
    if (this.acquired % 200 === 0) this.#progress(`${this.acquired} acquisitions`);
    if (this.#ending) return "end";
    const lapse = this.#plan.get(this.acquired);
    if (lapse === undefined) return this.acquired % renewEvery === 0 ? "renew" : "release";
    this.lapses[lapse] += 1;
    if (lapse !== "lapse") contender.fate = lapse;
    return lapse;
  }

  /** @param {Contender} contender @param {string} how */
  #wrote(contender, how) {
    if (contender.fate === "die") {
      contender.process.kill("SIGKILL");
      this.#start();
    } else if (contender.fate === "pause") {
      contender.fate = "none";
      contender.paused = true;
      contender.process.kill("SIGSTOP");
    } else if (how === "written") this.#wake(contender.holds);
  }

  /** Whoever stands still goes on when somebody has written who holds the lock since. @param {number} holds */
  #wake(holds) {
    for (const contender of this.#contenders) {
      if (!contender.paused || contender.holds >= holds) continue;
      contender.paused = false;
      contender.process.kill("SIGCONT");
      contender.process.send("go on");
    }
  }
}
