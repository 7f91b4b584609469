import type { Value } from "@synod/core";
import type { SlotContent } from "@synod/state-machine";
import { batch } from "@synod/wire";

/** Decodes a decided value for the engine. Throws WireError where its bytes are no batch. */
export function decodeSlot(value: Value): SlotContent {
  if (value.kind !== "batch") return value;
  // Older batches do not say which slot their proposer had applied: none, then.
  return { kind: "batch", appliedSlot: 0, ...batch.decode(value.commands), bytes: value.commands.length };
}
