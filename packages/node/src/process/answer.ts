import { writeSync } from "node:fs";
import { ExitCode } from "./exit-code.js";
import { ServiceFailure } from "./failure.js";
import type { TakeBytes } from "./lossy-output.js";
import { systemReason } from "./system-error.js";

const sleepMs = 5;

/**
 * Prints what was asked for (a help text, a store's id) on standard output, all of it. Throws ServiceFailure when it does not get
 * there.
 * @param done what has been done although it could not be told
 */
export function printAnswer(
  text: string,
  done?: string,
  take: TakeBytes = (bytes) => writeSync(1, bytes),
): void {
  const sleeping = new Int32Array(new SharedArrayBuffer(4));
  let bytes = Buffer.from(`${text}\n`);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(take(bytes));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN")
        throw new ServiceFailure(
          ExitCode.unexpected,
          `cannot write to standard output: ${systemReason(error)}${done === undefined ? "" : `; ${done}`}`,
        );
      Atomics.wait(sleeping, 0, 0, sleepMs);
    }
  }
}
