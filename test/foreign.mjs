// Tests that need something npm does not install. Where it is missing they are left out and named; where CI is set
// they run all the same, and so fail.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";

const python = "/usr/bin/python3";
const generators = ["/usr/bin/protoc", "/usr/bin/grpc_python_plugin"];

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

/** Whether strace is there, and may trace: in some containers it may not. */
export function canTrace() {
  return spawnSync("strace", ["-qq", "-o", "/dev/null", "true"]).status === 0;
}

/** @returns {{ file: string, why: string }[]} */
export function leftOut() {
  if (process.env.CI) return [];
  const missing = [];
  const generated = ["test/e2e/python-ledger.test.ts", "test/contract/python-session.test.ts"];
  const absent = generators.filter((program) => !existsSync(program));
  if (spawnSync(python, ["-c", "import grpc, google.protobuf"]).status !== 0) {
    const why = `${python} cannot import grpc: apt-get install python3-grpcio python3-protobuf`;
    for (const file of ["test/contract/python.test.ts", ...generated]) missing.push({ file, why });
  } else if (absent.length > 0) {
    const why = `no ${absent.join(", ")}: apt-get install protobuf-compiler protobuf-compiler-grpc`;
    for (const file of generated) missing.push({ file, why });
  }
  if (faketimeLibrary() === undefined)
    missing.push({
      file: "test/short/clocks.test.ts",
      why: "there is no faketime: apt-get install faketime",
    });
  if (!canTrace()) {
    const why = "strace is not there or may not trace: apt-get install strace";
    for (const script of ["crash-points", "disk", "fsync"])
      missing.push({ file: `test/short/${script}.test.ts`, why });
  }
  return missing;
}
