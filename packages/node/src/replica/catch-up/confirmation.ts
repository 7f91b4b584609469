import type { Command, Configuration } from "@synod/core";
import { checkpointMethod, type Engine } from "@synod/state-machine";
import { Patience } from "../patience.js";
import type { SystemCommands } from "../system-commands.js";
import type { Confirmation } from "./snapshot-sender.js";

/** A replica that lacks a state asks all others in turn, each for at most 10 s: so it asks each again within this. */
const lackingMs = 60_000;

/** The progress of a replica when it asked for a state. */
interface Lack {
  readonly above: number;
  /** The number of its last report then. */
  readonly number: number;
  readonly atMs: number;
}

export interface ConfirmationOptions {
  readonly engine: Pick<Engine, "system">;
  readonly configuration: Configuration;
  readonly commands: SystemCommands;
  propose(command: Command): void;
  nowMs(): number;
}

/** The reports of the replicas on this one's state (rule 27), and a checkpoint to report of where one is lacking. */
export function confirmationOf({
  engine,
  configuration,
  commands,
  propose,
  nowMs,
}: ConfirmationOptions): Confirmation {
  let asked = 0;
  const patience = new Patience(nowMs);
  const lacks = new Map<string, Lack>();
  /** One that has reported more since has a state again, and is waited for like any other. */
  const stillLacks = (replica: string, { above, number, atMs }: Lack) => {
    const latest = engine.system.reports.latest.get(replica);
    const goneOn = latest !== undefined && latest.number > number && latest.slot > above;
    return !goneOn && nowMs() - atMs < lackingMs;
  };
  return {
    agreed: () => engine.system.reports.agreed(configuration),
    lacks: (replica, above) => {
      const number = engine.system.reports.latest.get(replica)?.number ?? 0;
      lacks.set(replica, { above, number, atMs: nowMs() });
    },
    unconfirmed: (slot, replica) => {
      for (const [other, lack] of lacks) if (!stillLacks(other, lack)) lacks.delete(other);
      return engine.system.reports.unconfirmed(slot, replica, configuration, new Set(lacks.keys()));
    },
    ask: (slot) => {
      const last = engine.system.reports.checkpoints.at(-1)?.slot ?? 0;
      if (last >= slot) return;
      if (slot > asked) patience.settled();
      if (!patience.over) return;
      asked = slot;
      patience.proposed();
      propose(commands.make(checkpointMethod, { atLeast: slot }));
    },
  };
}
