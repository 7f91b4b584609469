import type { CommandModule } from "yargs";
import type { UpArguments } from "../cluster/up.js";

export const upCommand: CommandModule<object, UpArguments> = {
  command: "up",
  describe: "start a local cluster, every role a process of its own, or resume the one in --data",
  builder: (yargs) =>
    yargs
      .option("acceptors", { type: "number", defaultDescription: "3", describe: "how many acceptors" })
      .option("leaders", { type: "number", defaultDescription: "3", describe: "how many leaders" })
      .option("replicas", { type: "number", defaultDescription: "3", describe: "how many replicas" })
      .option("data", {
        type: "string",
        default: ".synod",
        describe: "directory of stores, logs and settings",
      })
      .option("port", {
        type: "number",
        defaultDescription: "4100",
        describe: "first of the ports, one a process",
      })
      .option("service", {
        type: "string",
        array: true,
        // One a flag: a list without end would take what follows.
        nargs: 1,
        defaultDescription: "those of the cluster in --data",
        describe: "compiled module of a replicated service of your own; may be repeated",
      })
      .option("json", { type: "boolean", default: false, describe: "print one line of JSON when ready" }),
  // Loaded when it runs: the other commands need nothing of what it needs.
  handler: async (options) => (await import("../cluster/up.js")).up(options),
};
