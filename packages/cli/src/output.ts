import { setTimeout as delay, setImmediate as immediate } from "node:timers/promises";
import { systemReason } from "@synod/node/surroundings";
import { Failure } from "./failure.js";

/*
 * A command's answer goes to standard output, and a command whose answer got lost has failed. What it tells a person meanwhile
 * goes to standard error, and whether anybody reads that decides nothing.
 */

const waitMs = 5;

let watched = false;
let trouble: Error | undefined;

/** To be called before anything is written: an output that fails is a sentence later, and not the end of the process now. */
export function watchOutputs(): void {
  if (watched) return;
  watched = true;
  process.stdout.on("error", (error: Error) => {
    trouble ??= error;
  });
  process.stderr.on("error", () => {});
}

/**
 * Prints a part of the answer, and waits until it is out: whoever prints much is held back by a slow reader. Rejects with a Failure
 * when it does not get there.
 */
export function print(answer: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error | null) => {
      if (!error) return resolve();
      trouble ??= error;
      reject(failureOf(trouble));
    };
    try {
      process.stdout.write(typeof answer === "string" ? `${answer}\n` : answer, done);
    } catch (error) {
      done(error as Error);
    }
  });
}

/** Prints a part of the answer without waiting for it; a failure shows when the command ends. */
export function printSoon(answer: string): void {
  print(answer).catch(() => {});
}

/** Tells a person how work goes. */
export function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** The failure of standard output, after all that was written has gone out or failed; undefined when it is well. */
export async function outputFailure(): Promise<Failure | undefined> {
  while (trouble === undefined && process.stdout.writableLength > 0) await delay(waitMs);
  // A file's error is told one turn of the event loop after the write.
  await immediate();
  return trouble === undefined ? undefined : failureOf(trouble);
}

function failureOf(error: Error): Failure {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EPIPE" || code === "ERR_STREAM_DESTROYED")
    return new Failure("standard output was closed before everything was written");
  return new Failure(
    `cannot write to standard output: ${systemReason(error)}. What the command has done is not undone`,
  );
}
