import type { CommandModule } from "yargs";
import type { GenerateArguments } from "../generate/generate.js";

export const generateCommand: CommandModule<object, GenerateArguments> = {
  command: "generate",
  describe: "make types and descriptors for a replicated service of your own from its .proto files",
  builder: (yargs) =>
    yargs
      .option("proto", {
        type: "string",
        default: "proto",
        requiresArg: true,
        describe: "folder of the .proto files; imports are meant from it",
      })
      .option("out", {
        type: "string",
        default: "src/gen",
        requiresArg: true,
        describe: "folder for what is generated",
      })
      .option("check", {
        type: "boolean",
        default: false,
        describe: "write nothing; exit 1 when the folder is not what the protos give",
      }),
  handler: async (options) => (await import("../generate/generate.js")).generate(options),
};
