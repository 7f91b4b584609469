import type { Command, Configuration } from "@synod/core";
import { checkpointMethod, type Engine } from "@synod/state-machine";
import type { Confirmation } from "./snapshot-sender.js";
import { systemCommand } from "./system-commands.js";

/** Until a checkpoint that was asked for counts as lost. */
const againMs = 2_000;

export interface ConfirmationOptions {
  readonly engine: Pick<Engine, "system">;
  readonly configuration: Configuration;
  propose(command: Command): void;
  nowMs(): number;
}

/** What the replicas have reported of this one's state (rule 27), and a checkpoint to report of where one is lacking. */
export function confirmationOf({ engine, configuration, propose, nowMs }: ConfirmationOptions): Confirmation {
  let asked = { slot: 0, atMs: Number.NEGATIVE_INFINITY };
  return {
    agreed: () => engine.system.reports.agreed(configuration),
    unconfirmed: (slot, replica) => engine.system.reports.unconfirmed(slot, replica, configuration),
    ask: (slot) => {
      const last = engine.system.reports.checkpoints.at(-1)?.slot ?? 0;
      const now = nowMs();
      if (last >= slot || (asked.slot >= slot && now - asked.atMs < againMs)) return;
      asked = { slot, atMs: now };
      propose(systemCommand(checkpointMethod, { atLeast: slot }));
    },
  };
}
