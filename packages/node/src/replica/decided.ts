import type { Value } from "@synod/core";
import type { Decided } from "@synod/state-machine";
import { batch } from "@synod/wire";

/** What a slot decides, as the engine takes it. Throws WireError where a batch is none. */
export function decidedOf(value: Value): Decided {
  if (value.kind !== "batch") return value;
  // What a batch does not say it had applied, it had not.
  return { kind: "batch", appliedSlot: 0, ...batch.decode(value.commands), bytes: value.commands.length };
}
