import type { Command, Configuration } from "@synod/core";
import {
  checkpointMethod,
  installFoundationMethod,
  reportMethod,
  systemService,
} from "../system/system-command.js";
import type { SaidTime } from "./log-time.js";

/** The value that a slot decided, its batch decoded. */
export type SlotContent =
  | ({
      readonly kind: "batch";
      readonly commands: readonly Command[];
      /** Size of the commands as they were decided; undefined where nobody encoded them, and their requests count. */
      readonly bytes?: number | undefined;
    } & SaidTime)
  | { readonly kind: "configuration"; readonly configuration: Configuration }
  | { readonly kind: "no-op" };

const bookkeeping: ReadonlySet<string> = new Set([checkpointMethod, reportMethod, installFoundationMethod]);

/** Nothing but checkpoints, reports and what goes before the first of them was decided. */
export function isBookkeeping(decided: SlotContent): boolean {
  if (decided.kind !== "batch" || decided.commands.length === 0) return false;
  return decided.commands.every(
    ({ service, method }) => service === systemService && bookkeeping.has(method),
  );
}
