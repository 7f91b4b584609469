// What processes show from outside while they are fuzzed: whether they run, what they log, memory and sockets.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { ExitCode } from "@synod/node";

/** Said of what a peer sent, and meant to be. */
const expectedErrors = new Set(["a decided batch cannot be decoded; it counts as a no-op"]);

const contradiction = /was decided twice, with different values/;

const everyMs = 250;

export class Watch {
  #processes;
  /** @type {Map<string, number>} in MiB */
  #peaks = new Map();
  #timer;

  /** @param {import("../processes.mjs").Processes} processes */
  constructor(processes) {
    this.#processes = processes;
    this.#timer = setInterval(() => this.#look(), everyMs);
    this.#look();
  }

  stop() {
    clearInterval(this.#timer);
  }

  /** The most memory of each process so far, in MiB. */
  get peaks() {
    return Object.fromEntries(this.#peaks);
  }

  /** Of each process, now. */
  sockets() {
    return Object.fromEntries(this.#running().map(([id, pid]) => [id, socketsOf(pid)]));
  }

  /**
   * Those that have ended, each with the lines of its log that nothing sent from outside should cause, whatever was written
   * beside the log included; so for those that run.
   * @param {boolean} liedTo a process that was told two decisions for one slot stops, and says so
   */
  async troubles(liedTo) {
    const troubles = [];
    for (const [id, child] of this.#processes.children) {
      const lines = readFileSync(child.member.log, "utf8").split("\n");
      const contradicted = lines.some((line) => contradiction.test(line));
      if (liedTo && contradicted && !child.running && (await child.ended).code === ExitCode.invariantViolated)
        continue;
      if (!child.running) troubles.push(`${id} has ended`);
      const wrong = lines.filter((line) => line !== "" && !isExpected(line));
      troubles.push(...wrong.map((line) => `${id}: ${line.slice(0, 800)}`));
    }
    return troubles;
  }

  /** Whether all of them run. */
  get allRun() {
    return this.#running().length === this.#processes.children.size;
  }

  #running() {
    return [...this.#processes.children]
      .filter(([, child]) => child.running)
      .map(([id, { pid }]) => /** @type {[string, number]} */ ([id, pid]));
  }

  #look() {
    for (const [id, pid] of this.#running())
      this.#peaks.set(id, Math.max(this.#peaks.get(id) ?? 0, memoryOf(pid)));
  }
}

/** @param {string} line */
function isExpected(line) {
  if (!line.startsWith("{")) return / listens on /.test(line);
  const { level, msg } = JSON.parse(line);
  return !["error", "fatal"].includes(level) || expectedErrors.has(msg);
}

/**
 * Resident memory of its own in MiB; 0 when the process has just ended. Pages of a store's file are left out: they are the
 * system's cache, and lmdb, which maps the file anew as it grows and keeps the maps, has each counted once for every map.
 * @param {number} pid
 */
function memoryOf(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const parts = [...status.matchAll(/^Rss(?:Anon|Shmem):\s+([0-9]+) kB$/gm)];
    return Math.round(parts.reduce((sum, [, kilobytes]) => sum + Number(kilobytes), 0) / 1024);
  } catch {
    return 0;
  }
}

/** @param {number} pid */
function socketsOf(pid) {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).filter((name) => {
    try {
      return readlinkSync(`${folder}/${name}`).startsWith("socket:");
    } catch {
      return false;
    }
  }).length;
}
