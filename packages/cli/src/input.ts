import { fstatSync } from "node:fs";
import { systemReason } from "@synod/node/surroundings";
import { Failure } from "./failure.js";

/**
 * Everything that standard input holds. Rejects with a Failure when it holds more bytes than that, of which no more are kept, or
 * when it cannot be read.
 */
export async function standardInput(mostBytes: number): Promise<Buffer> {
  // Node gives an empty stream for what it cannot read as one.
  if (fstatSync(0).isDirectory()) throw new Failure("expected a value on standard input, found a directory");
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const part of process.stdin as AsyncIterable<Buffer>) {
      length += part.length;
      if (length > mostBytes)
        throw new Failure(`expected at most ${mostBytes} bytes on standard input, found more`);
      parts.push(part);
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(`cannot read standard input: ${systemReason(error)}`);
  }
  return Buffer.concat(parts);
}
