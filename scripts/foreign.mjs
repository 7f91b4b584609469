// Tests that need something npm does not install. Where it is missing they are left out and named; where CI is set
// they run all the same, and so fail.
import { spawnSync } from "node:child_process";

const python = "/usr/bin/python3";

/** @returns {{ file: string, why: string }[]} */
export function leftOut() {
  if (process.env.CI) return [];
  const imports = spawnSync(python, ["-c", "import grpc, google.protobuf"]);
  if (imports.status === 0) return [];
  const why = `${python} cannot import grpc: apt-get install python3-grpcio python3-protobuf`;
  return [{ file: "test/contract/python.test.ts", why }];
}
