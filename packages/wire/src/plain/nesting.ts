import { WireError } from "../wire-error.js";

/** The deepest nesting of messages; other implementations of protobuf allow the same. */
export const maxDepth = 100;

/** Throws a `WireError` for a message within more than `maxDepth` others. */
export function checkDepth(depth: number): void {
  if (depth > maxDepth) throw new WireError("", `messages at most ${maxDepth} deep`, "deeper ones");
}

/** An error caught while a part of `place` was read or written. */
export function beneath(error: unknown, place: string): unknown {
  return error instanceof WireError ? error.beneath(place) : error;
}
