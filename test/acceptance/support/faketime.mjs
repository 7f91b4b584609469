// libfaketime, by which a process sees another wall clock, and what it leaves behind.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";

/** What to preload so that a process sees another wall clock, as libfaketime's own program does; undefined without it. */
export function faketimeLibrary() {
  forgetFakedDead();
  const { status, stdout } = spawnSync("faketime", ["-f", "+0s", "printenv", "LD_PRELOAD"], {
    encoding: "utf8",
  });
  return status === 0 ? stdout.trim() : undefined;
}

/**
 * Removes what libfaketime shared for processes that are gone: one that is killed leaves it under its pid, and whoever gets
 * that pid next with a clock of its own cannot start. What belongs to another user stays.
 */
export function forgetFakedDead(shared = "/dev/shm") {
  if (!existsSync(shared)) return;
  for (const file of readdirSync(shared)) {
    const [, pid] = /^(?:sem\.)?faketime_(?:sem|shm)_(\d+)$/.exec(file) ?? [];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    try {
      rmSync(path.join(shared, file), { force: true });
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== "EPERM") throw error;
    }
  }
}
