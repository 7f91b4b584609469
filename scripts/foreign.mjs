// Tests that need something npm does not install. Where it is missing they are left out and named; where CI is set
// they run all the same, and so fail.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const python = "/usr/bin/python3";
const generators = ["/usr/bin/protoc", "/usr/bin/grpc_python_plugin"];

/** @returns {{ file: string, why: string }[]} */
export function leftOut() {
  if (process.env.CI) return [];
  const left = [];
  const page = "test/e2e/python-ledger.test.ts";
  const imports = spawnSync(python, ["-c", "import grpc, google.protobuf"]);
  if (imports.status !== 0) {
    const why = `${python} cannot import grpc: apt-get install python3-grpcio python3-protobuf`;
    for (const file of ["test/contract/python.test.ts", page]) left.push({ file, why });
    return left;
  }
  const missing = generators.filter((program) => !existsSync(program));
  if (missing.length > 0) {
    const why = `no ${missing.join(", ")}: apt-get install protobuf-compiler protobuf-compiler-grpc`;
    left.push({ file: page, why });
  }
  return left;
}
