// Bytes and pages of data files change, of processes that are stopped and of processes that run.
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import path from "node:path";
import { connect } from "@synod/client";
import { flagNumber, random, seedOf } from "./support/flags.mjs";
import { equalReplicas } from "./support/load.mjs";
import { Processes, until } from "./support/processes.mjs";
import { fill, rowKey, rowValue } from "./support/rows.mjs";

export const name = "rot";
export const promise =
  "200 random flips, and lost and swapped pages, in files of acceptors and replicas: none is served, none spreads, whoever " +
  "finds one ends with 5 and says what to do, and the others go on";

const damagedExitCode = 5;
/** Of five acceptors: while all others run, they are a majority. */
const mostLost = 2;
const pageBytes = { acceptor: 4096, replica: 8192 };

/** @typedef {"at start" | "at a read" | "at the start after it" | "in no use"} Found */

/** @param {import("./run.mjs").Options} options `--flips N`, `--pages N` of each kind, `--rows N`, `--seed N` */
export async function run({ parameters, progress }) {
  const seed = seedOf(parameters);
  const flips = flagNumber(parameters, "--flips", 200);
  const pages = flagNumber(parameters, "--pages", 8);
  const rows = flagNumber(parameters, "--rows", 2_000);
  progress(`seed ${seed}`);
  const processes = await Processes.start({ acceptors: 5, leaders: 1, replicas: 3 });
  try {
    await fill(processes.replicas, rows);
    const rot = new Rot(processes, rows, random(seed));
    for (let number = 0; number < flips + 2 * pages; number++) {
      const kind = number < flips ? "flip" : number < flips + pages ? "lost page" : "swapped page";
      await rot.one(number, kind);
      if (number % 10 === 9) progress(`${number + 1}: ${JSON.stringify(rot.found)}`);
    }
    for (const address of processes.replicas) await rot.compare(address);
    const { equal, states } = await equalReplicas(processes);
    const { found, wrong, rebuilt, lost } = rot;
    return {
      holds: wrong.length === 0 && equal,
      figures: { seed, flips, pages, rows, found, rebuilt, lost, wrong, replicasEqual: equal, states },
    };
  } finally {
    await processes.end();
  }
}

class Rot {
  /** By kind and role, and where it was found. @type {Record<string, number>} */ found = {};
  /** What must not be. @type {string[]} */ wrong = [];
  /** Replicas that came back from an empty directory. */
  rebuilt = 0;
  /**
   * Acceptors that carried the damage into a page that they wrote while they ran, so that nothing takes it back: their disks
   * are lost. They refuse to start, as they should.
   * @type {string[]}
   */
  lost = [];
  #processes;
  #rows;
  #draw;

  /** @param {Processes} processes @param {number} rows @param {() => number} draw from 0 to below 1 */
  constructor(processes, rows, draw) {
    this.#processes = processes;
    this.#rows = rows;
    this.#draw = draw;
  }

  /** @param {number} number @param {"flip" | "lost page" | "swapped page"} kind */
  async one(number, kind) {
    const role = number % 2 === 0 ? "replica" : "acceptor";
    const ids = this.#processes.ids(role).filter((each) => !this.lost.includes(each));
    const id = ids[this.#below(ids.length)] ?? "";
    const runs = kind === "flip" && this.#draw() < 0.5;
    if (!runs) await this.#stop(id);
    const undo = this.#damage(id, role, kind);
    const where = runs ? await this.#readAndStart(id) : await this.#started(id, "at start");
    const what = `${kind}, ${role} ${runs ? "running" : "stopped"}, found ${where}`;
    this.found[what] = (this.found[what] ?? 0) + 1;
    if (where === "in no use") return;
    await this.#judge(id);
    // A replica comes back by itself. An acceptor cannot: what it voted stands nowhere else.
    if (role === "replica" && (runs || number % 4 === 0)) {
      this.#processes.loseData(id);
      mkdirSync(this.#processes.member(id).data, { recursive: true });
      this.rebuilt++;
    } else undo();
    if ((await this.#started(id, "at start")) === "in no use") return;
    await this.#judge(id);
    if (role === "acceptor" && runs && this.lost.length < mostLost) this.lost.push(id);
    else this.wrong.push(`${id} did not start again after its ${kind}`);
  }

  /** Every row as it is read through one replica is what was written. @param {string} address */
  async compare(address) {
    const client = connect({ replicas: [address], deadlineMs: 20_000 });
    try {
      /** @type {{ Range(request: { prefix: string, continuation: string }): Promise<{ entries: { key: string, value: Uint8Array }[], continuation: string }> }} */
      const store = client.service("synod.kv.v1.KeyValue");
      let number = 0;
      for (let continuation = ""; ; ) {
        const page = await store.Range({ prefix: "row-", continuation });
        for (const { key, value } of page.entries) {
          if (key !== rowKey(number) || Buffer.compare(value, rowValue(number)) !== 0)
            this.wrong.push(`${address} served ${key} in place of ${rowKey(number)}, or another value`);
          number++;
        }
        continuation = page.continuation;
        if (continuation === "") break;
      }
      if (number !== this.#rows) this.wrong.push(`${address} served ${number} rows of ${this.#rows}`);
    } finally {
      client.close();
    }
  }

  /** Reads everything, through the others, then starts the member anew. @param {string} id @returns {Promise<Found>} */
  async #readAndStart(id) {
    const others = this.#processes.ids("replica").filter((other) => other !== id);
    await this.compare(this.#processes.address(others[this.#below(others.length)] ?? ""));
    // What it read of its own is applied at the same slots.
    await new Promise((resolve) => setTimeout(resolve, 200));
    if (!this.#processes.child(id).running) return "at a read";
    await this.#stop(id);
    return this.#started(id, "at the start after it");
  }

  /** @param {string} id @param {Found} found @returns {Promise<Found>} */
  async #started(id, found) {
    this.#processes.start(id);
    const child = this.#processes.child(id);
    let serves = false;
    await until(`${id} to serve or to end`, async () => {
      serves = await this.#processes.serving(id);
      return serves || !child.running;
    });
    return serves ? "in no use" : found;
  }

  /** It ended as it should, and said what there is to do. @param {string} id */
  async #judge(id) {
    const { member } = this.#processes.child(id);
    const { code, signal } = await this.#processes.child(id).ended;
    const words = readFileSync(member.log, "utf8").trimEnd().split("\n").slice(-4).join("\n");
    if (
      code !== damagedExitCode ||
      !words.includes(member.data) ||
      !words.includes("Do not repair it by hand")
    )
      this.wrong.push(`${id} ended with ${code ?? signal}: ${words.slice(-300)}`);
  }

  /** @param {string} id */
  async #stop(id) {
    this.#processes.signal(id, "SIGTERM");
    await this.#processes.child(id).ended;
  }

  /** Returns what takes the damage back. @param {string} id @param {"acceptor" | "replica"} role @param {"flip" | "lost page" | "swapped page"} kind */
  #damage(id, role, kind) {
    const file = path.join(this.#processes.member(id).data, "data.mdb");
    const descriptor = openSync(file, "r+");
    try {
      const { size } = fstatSync(descriptor);
      const length = kind === "flip" ? 1 : pageBytes[role];
      const at = this.#below(size / length) * length;
      const before = Buffer.alloc(length);
      readSync(descriptor, before, 0, length, at);
      const after = Buffer.from(before);
      if (kind === "flip") after[0] = (after[0] ?? 0) ^ (1 << this.#below(8));
      else if (kind === "lost page") after.fill(0);
      else readSync(descriptor, after, 0, length, this.#below(size / length) * length);
      writeSync(descriptor, after, 0, length, at);
      return () => {
        const again = openSync(file, "r+");
        const found = Buffer.alloc(length);
        readSync(again, found, 0, length, at);
        // One that ran may have written over it before it ended.
        if (found.equals(after)) writeSync(again, before, 0, length, at);
        closeSync(again);
      };
    } finally {
      closeSync(descriptor);
    }
  }

  /** @param {number} limit */
  #below(limit) {
    return Math.floor(this.#draw() * limit);
  }
}
