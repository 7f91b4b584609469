// npm ci && npm test on a fresh clone: three times with the same count, and once beside a busy loop.
import { spawn } from "node:child_process";
import { freshClone, shell } from "./support/clone.mjs";

export const name = "tests";
export const promise =
  "fresh clone: npm ci && npm test passes three times alike, none skipped or cached, and beside a busy loop";

const mostMinutes = 8;

/** @param {{ parameters: string[], progress: (line: string) => void }} options */
export async function run({ progress }) {
  const clone = freshClone();
  /** @type {import("node:child_process").ChildProcess | undefined} */
  let busy;
  try {
    const installed = await shell("npm ci", clone.folder);
    if (installed.code !== 0) throw new Error(`npm ci ended with ${installed.code}: ${installed.stderr}`);
    const runs = [];
    for (const beside of ["nothing", "nothing", "nothing", "a busy loop"]) {
      if (beside !== "nothing") busy = spawn(process.execPath, ["-e", "for (;;);"]);
      const { code, stdout, stderr, ms } = await shell("npm test", clone.folder, { withinMs: 20 * 60_000 });
      const [, passed, failed, skipped] = /(\d+) passed, (\d+) failed, (\d+) skipped/.exec(stdout) ?? [];
      const one = {
        beside,
        code,
        seconds: Math.round(ms / 1000),
        passed: Number(passed),
        failed: Number(failed),
        skipped: Number(skipped),
      };
      runs.push(one);
      progress(JSON.stringify(one));
      if (code !== 0) progress(`${stdout}\n${stderr}`.slice(-5_000));
    }
    const counts = new Set(runs.map(({ passed }) => passed));
    return {
      holds:
        counts.size === 1 &&
        runs.every(
          ({ code, passed, failed, skipped, seconds }) =>
            code === 0 && passed > 0 && failed === 0 && skipped === 0 && seconds < mostMinutes * 60,
        ),
      figures: { runs },
    };
  } finally {
    busy?.kill("SIGKILL");
    clone.remove();
  }
}
