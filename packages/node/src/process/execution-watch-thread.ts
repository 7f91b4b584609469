import { readSync, writeSync } from "node:fs";
import { Session } from "node:inspector";
import { parentPort, workerData } from "node:worker_threads";
import { type WatchData, type WatchedMethod, watched } from "./execution-watch.js";
import { ExitCode } from "./exit-code.js";
import { LossyOutput, withoutWaiting } from "./lossy-output.js";
import { mostLooks, Standstill } from "./standstill.js";

/* The thread of `ExecutionWatch`. */

/** The debugger's way to the other thread may not lead there (one regular expression that never ends): then by a signal. */
const patienceMs = 2_000;

const { shared, longestMs, name, marker } = workerData as WatchData;
const numbers = new Uint32Array(shared);
const methods = new Map<number, WatchedMethod>();
parentPort?.on("message", (told: WatchedMethod) => methods.set(told.id, told));

const standstill = new Standstill();
const timer = setInterval(() => {
  if (standstill.look(Atomics.load(numbers, watched.count))) end();
}, longestMs / mostLooks);

function end(): void {
  clearInterval(timer);
  const { service = "", method = "" } = methods.get(numbers[watched.method] as number) ?? {};
  const slot = (numbers[watched.slotHigh] as number) * 2 ** 32 + (numbers[watched.slotLow] as number);
  const index = numbers[watched.index] as number;
  const cause = `was executed for longer than ${longestMs / 1000} s`;
  if (slot > 0 && marker !== undefined) mark(marker, { command: { index, service, method }, cause });
  const where = slot > 0 ? `command ${index} of slot ${slot}` : "a read of this replica's own state";
  const words = `ended: ${where}, ${service}/${method}, ${cause}: its handler does not return, or asks for too much at a time`;
  const line = { level: "fatal", time: new Date().toISOString(), slot, index, service, method, msg: words };
  say(1, JSON.stringify({ ...line, pid: process.pid, exitCode: ExitCode.slotNotExecuted }));
  say(2, `${name}: ${words}`);
  exit();
}

/** The process ends whether its last words are taken or not. */
function say(descriptor: 1 | 2, line: string): void {
  new LossyOutput({ take: withoutWaiting(descriptor), notice: () => "" }).write(`${line}\n`);
}

/** Adds to what the other thread wrote before it began with the slot; a disk that fails now costs the next start these words only. */
function mark(descriptor: number, known: object): void {
  const record = Buffer.alloc(1024, " ");
  try {
    readSync(descriptor, record, 0, record.length, 0);
    const written = JSON.parse(record.toString()) as { begun?: object };
    const text = JSON.stringify({ ...written, begun: { ...written.begun, ...known } });
    if (Buffer.byteLength(text) > record.length) return;
    record.fill(" ").write(text);
    writeSync(descriptor, record, 0, record.length, 0);
  } catch {
    // The next start finds the slot that was begun, which stands there already.
  }
}

/** Only the other thread can end the process with an exit code, and it does nothing but loop. */
function exit(): void {
  setTimeout(() => process.kill(process.pid, "SIGKILL"), patienceMs);
  const session = new Session();
  session.connectToMainThread();
  session.post("Debugger.enable");
  session.on("Debugger.paused", () => {
    session.post("Runtime.evaluate", { expression: `process.reallyExit(${ExitCode.slotNotExecuted})` });
  });
  session.post("Debugger.pause");
}
