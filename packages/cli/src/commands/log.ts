import type { CommandModule } from "yargs";
import { readLog } from "../calls.js";
import { Failure, reasonOf } from "../failure.js";
import { presentSlot, slotJson } from "../log/present.js";
import { holdsCommands } from "../log/system-text.js";
import { outputFailure, print } from "../output.js";
import { replicaTargets } from "../targets.js";
import { requireWhole, withReplicas } from "./options.js";

interface LogArguments {
  from: number;
  limit: number | undefined;
  replica: string[];
  commands: boolean;
  json: boolean;
}

export const logCommand: CommandModule<object, LogArguments> = {
  command: "log",
  describe: "the decided log as one replica keeps it, one line a slot",
  builder: (yargs) =>
    withReplicas(yargs)
      .option("from", { type: "number", default: 1, describe: "first slot" })
      .option("limit", { type: "number", describe: "at most this many slots" })
      .option("commands", {
        type: "boolean",
        default: false,
        describe: "only slots with commands of replicated services",
      })
      .option("json", { type: "boolean", default: false, describe: "print one JSON object a slot" }),
  handler: async ({ from, limit, replica, commands, json }) => {
    const first = requireWhole("from", from, 1);
    const most = limit === undefined ? Number.POSITIVE_INFINITY : requireWhole("limit", limit, 1);
    const wanted = commands ? Number.POSITIVE_INFINITY : most;
    const troubles: string[] = [];
    const { addresses, cluster } = await replicaTargets(replica);
    for (const address of addresses) {
      let printed = 0;
      try {
        for await (const decided of readLog(address, first, wanted, cluster)) {
          if (commands && !holdsCommands(decided)) continue;
          await print(json ? slotJson(decided) : presentSlot(decided));
          printed += 1;
          if (printed === most) break;
        }
        return;
      } catch (error) {
        if (await outputFailure()) throw error;
        troubles.push(`  ${address}: ${reasonOf(error)}`);
        // Lines that are printed came from that replica: the rest cannot come from another one.
        if (printed > 0) break;
      }
    }
    throw new Failure(["cannot read the log:", ...troubles].join("\n"));
  },
};
