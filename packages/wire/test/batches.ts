import type { Command } from "@synod/core";
import { batch } from "../src/index.js";

/** The bytes of a value with these commands, which says no time. */
export function encodeBatch(commands: readonly Command[]): Uint8Array {
  return batch.encode({ commands, logTimeMs: 0 });
}

export function decodeBatch(bytes: Uint8Array): readonly Command[] {
  return batch.decode(bytes).commands;
}
