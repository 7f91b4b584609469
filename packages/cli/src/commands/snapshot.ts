import type { Argv, CommandModule } from "yargs";
import type { RestoreArguments } from "../snapshot/restore.js";
import type { SaveArguments } from "../snapshot/save.js";
import { withoutReplicas, withReplicas } from "./options.js";

function withFile<T>(yargs: Argv<T>) {
  return yargs
    .positional("file", { type: "string", demandOption: true, describe: "a backup" })
    .option("json", { type: "boolean", default: false, describe: "print one line of JSON" });
}

const saveCommand: CommandModule<object, SaveArguments> = {
  command: "save <file>",
  describe: "write a backup of a running cluster, the state after one slot, while it goes on",
  builder: (yargs) =>
    withFile(withoutReplicas(withReplicas(yargs)))
      .option("force", {
        type: "boolean",
        default: false,
        describe: "replace the file if it exists",
      })
      .option("stopped", {
        type: "boolean",
        default: false,
        describe: "every replica has stopped: take the state of the one that has executed the most",
      }),
  // Loaded when it runs: the other commands need nothing of what it needs.
  handler: async (options) => (await import("../snapshot/save.js")).save(options),
};

const restoreCommand: CommandModule<object, RestoreArguments> = {
  command: "restore <file>",
  describe: "make a new cluster from a backup, in a directory that `synod up` then starts",
  builder: (yargs) =>
    withFile(yargs)
      .option("data", {
        type: "string",
        demandOption: true,
        requiresArg: true,
        describe: "directory of the new cluster: empty, or not there yet",
      })
      .option("from-stopped", {
        type: "boolean",
        default: false,
        describe: "go on from a replica that had stopped",
      })
      .option("acceptors", { type: "number", default: 3, describe: "how many acceptors" })
      .option("leaders", { type: "number", default: 3, describe: "how many leaders" })
      .option("replicas", { type: "number", default: 3, describe: "how many replicas" })
      .option("port", { type: "number", default: 4100, describe: "first of the ports, one a process" }),
  handler: async (options) => (await import("../snapshot/restore.js")).restore(options),
};

const showCommand: CommandModule<object, { file: string; json: boolean }> = {
  command: "show <file>",
  describe: "what is in a backup, after its checksums were verified (exit 5 when it is damaged)",
  builder: (yargs) => withFile(yargs),
  handler: async (options) => (await import("../snapshot/show.js")).show(options),
};

export const snapshotCommand: CommandModule = {
  command: "snapshot",
  describe: "backups: write one, look at it, make a new cluster from it",
  builder: (yargs) =>
    yargs
      .command(saveCommand)
      .command(restoreCommand)
      .command(showCommand)
      .demandCommand(1, "expected one of: save, restore, show"),
  handler: () => undefined,
};
