import type { CommandModule } from "yargs";
import type { DemoArguments } from "../demo/demo.js";

export const demoCommand: CommandModule<object, DemoArguments> = {
  command: "demo",
  describe: "clients calculate through a temporary cluster of nine processes; fails when anybody disagrees",
  builder: (yargs) =>
    yargs
      .option("clients", { type: "number", default: 5, describe: "how many clients" })
      .option("commands", { type: "number", default: 10, describe: "commands of each client" })
      .option("seed", {
        type: "number",
        defaultDescription: "random",
        describe: "what the commands are drawn from",
      })
      .option("json", { type: "boolean", default: false, describe: "print one line of JSON at the end" })
      .option("plant-difference", {
        type: "boolean",
        default: false,
        describe: "alter one command in the copy of the log that is compared, to see the comparison fail",
      }),
  // Loaded when it runs: the other commands need nothing of what it needs.
  handler: async (options) => (await import("../demo/demo.js")).demo(options),
};
