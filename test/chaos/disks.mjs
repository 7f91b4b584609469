// A disk that is slow, or full, for a while: strace attaches itself to a running member and answers its calls late, or in
// the kernel's place.
import { spawn } from "node:child_process";

const fsyncs = "fdatasync,fsync,msync";
const writes = "pwrite64,pwritev";

/** Every sync of the process takes so much longer. @param {number} pid @param {number} delayMs */
export function slowDisk(pid, delayMs) {
  return attach(pid, fsyncs, `delay_exit=${delayMs * 1000}`);
}

/** Nothing can be written any more. @param {number} pid */
export function fullDisk(pid) {
  return attach(pid, writes, "error=ENOSPC");
}

/**
 * What to call for it to be over; resolves once it has begun, or the process is gone.
 * @param {number} pid @param {string} calls @param {string} how
 * @returns {Promise<() => Promise<void>>}
 */
async function attach(pid, calls, how) {
  const parameters = [
    "-f",
    "-o",
    "/dev/null",
    "-p",
    `${pid}`,
    "-e",
    `trace=${calls}`,
    "-e",
    `inject=${calls}:${how}`,
  ];
  const tracer = spawn("strace", parameters, { stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise((resolve) => tracer.once("exit", resolve));
  const attached = new Promise((resolve) =>
    tracer.stderr.on("data", (text) => String(text).includes("attached") && resolve(undefined)),
  );
  await Promise.race([attached, ended]);
  return async () => {
    tracer.kill("SIGTERM");
    await ended;
  };
}
