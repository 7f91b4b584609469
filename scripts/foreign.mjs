// Tests that need something npm does not install. Where it is missing they are left out and named; where CI is set
// they run all the same, and so fail.
import { spawnSync } from "node:child_process";

const python = "/usr/bin/python3";

/** Whether strace is there, and may trace: in some containers it may not. */
function canTrace() {
  return spawnSync("strace", ["-qq", "-o", "/dev/null", "true"]).status === 0;
}

/** @returns {{ file: string, why: string }[]} */
export function leftOut() {
  if (process.env.CI) return [];
  const files = [];
  if (spawnSync(python, ["-c", "import grpc, google.protobuf"]).status !== 0) {
    const why = `${python} cannot import grpc: apt-get install python3-grpcio python3-protobuf`;
    files.push({ file: "test/contract/python.test.ts", why });
  }
  if (!canTrace()) {
    const why = "strace is not there or may not trace: apt-get install strace";
    files.push({ file: "test/e2e/traced.test.ts", why });
  }
  return files;
}
