// Some scripts need more than Node: strace, or root and mounts. Where that is missing they say so and are left out, except
// in continuous integration, where a check that is left out would pass for one that is green.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const probes = {
  /** Installed and allowed; scripts/foreign.mjs asks the same, and cannot be imported from a package. */
  strace: () => spawnSync("strace", ["-qq", "-o", "/dev/null", "true"]).status === 0,
  tmpfs: () => {
    if (process.getuid?.() !== 0) return false;
    const folder = mkdtempSync(path.join(tmpdir(), "synod-probe-"));
    try {
      if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]).status !== 0) return false;
      execFileSync("umount", [folder]);
      return true;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/**
 * What is missing here, in words; undefined when nothing is. Throws with CI set.
 * @param {(keyof typeof probes)[]} names
 * @returns {string | undefined}
 */
export function missing(...names) {
  const absent = names.filter((name) => !probes[name]());
  if (absent.length === 0) return undefined;
  const text = `needs ${absent.map((name) => (name === "tmpfs" ? "root and tmpfs mounts" : name)).join(", ")}`;
  if (process.env.CI) throw new Error(`${text}, and with CI set nothing is left out`);
  return text;
}
