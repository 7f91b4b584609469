// Members whose wall clock can be set while they run, by libfaketime: each looks into a file of its own whenever it asks
// for the time of day. Their monotonic clocks stay as they are.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { until } from "./processes.mjs";

/** @typedef {import("./processes.mjs").Processes} Processes */

/** How far a line in a log may be from the clock that was set. */
const nearMs = 60_000;
/** Longer than what a member notes as a stall of its own, and too short to be suspected for. */
const stallMs = 250;

/** What to preload so that a process sees another wall clock, as libfaketime's own program does; undefined without it. */
export function faketimeLibrary() {
  const options = { encoding: /** @type {const} */ ("utf8") };
  const { status, stdout } = spawnSync("faketime", ["-f", "+0s", "printenv", "LD_PRELOAD"], options);
  return status === 0 ? stdout.trim() : undefined;
}

export class FakedClocks {
  #processes;
  /** @type {Map<string, number>} */ #offsets = new Map();

  /** Before any member is started. @param {Processes} processes @param {string} library */
  constructor(processes, library) {
    this.#processes = processes;
    for (const { id } of processes.plan.members) {
      this.#write(id, 0);
      processes.environments.set(id, {
        LD_PRELOAD: library,
        FAKETIME_TIMESTAMP_FILE: this.#file(id),
        FAKETIME_NO_CACHE: "1",
        // Its name before and since version 0.9.10.
        DONT_FAKE_MONOTONIC: "1",
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
        SYNOD_LOG_LEVEL: "debug",
      });
    }
  }

  /** From now on these members' clocks are so far off. @param {string[]} ids @param {number} seconds */
  jump(ids, seconds) {
    for (const id of ids) this.#write(id, seconds);
  }

  /**
   * Waits until every member's own log shows the clock that was set: each stands still for a moment, which it notes with
   * the time of day.
   */
  async show() {
    const ids = [...this.#offsets.keys()];
    await until("every log to show the clock that was set", async () => {
      for (const id of ids) this.#processes.signal(id, "SIGSTOP");
      await new Promise((resolve) => setTimeout(resolve, stallMs));
      for (const id of ids) this.#processes.signal(id, "SIGCONT");
      await new Promise((resolve) => setTimeout(resolve, stallMs));
      return ids.every((id) => Math.abs(this.#lastTimeMs(id) - this.#expectedMs(id)) < nearMs);
    });
  }

  /** @param {string} id */
  #expectedMs(id) {
    return Date.now() + (this.#offsets.get(id) ?? 0) * 1_000;
  }

  /** @param {string} id */
  #lastTimeMs(id) {
    const lines = readFileSync(this.#processes.member(id).log, "utf8").trimEnd().split("\n");
    const times = lines.flatMap((line) => /"time":"([^"]+)"/.exec(line)?.[1] ?? []);
    return Date.parse(times.at(-1) ?? "");
  }

  /** @param {string} id */
  #file(id) {
    return path.join(this.#processes.plan.directory, `${id}.clock`);
  }

  /** @param {string} id @param {number} seconds */
  #write(id, seconds) {
    this.#offsets.set(id, seconds);
    writeFileSync(this.#file(id), `${seconds < 0 ? "" : "+"}${seconds}s\n`);
  }
}
