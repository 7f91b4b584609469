// Tests that need something npm does not install. Where it is missing they are left out and named; where CI is set
// they run all the same, and so fail.
import { spawnSync } from "node:child_process";

const python = "/usr/bin/python3";

/** @returns {{ file: string, why: string }[]} */
export function leftOut() {
  if (process.env.CI) return [];
  const missing = [];
  if (spawnSync(python, ["-c", "import grpc, google.protobuf"]).status !== 0)
    missing.push({
      file: "test/contract/python.test.ts",
      why: `${python} cannot import grpc: apt-get install python3-grpcio python3-protobuf`,
    });
  if (spawnSync("faketime", ["--version"]).status !== 0)
    missing.push({ file: "test/e2e/clocks.test.ts", why: "there is no faketime: apt-get install faketime" });
  return missing;
}
