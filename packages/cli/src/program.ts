import { readFileSync } from "node:fs";
import yargs from "yargs";
import { demoCommand } from "./commands/demo.js";
import { generateCommand } from "./commands/generate.js";
import { kvCommand } from "./commands/kv.js";
import { logCommand } from "./commands/log.js";
import { serviceCommand } from "./commands/service.js";
import { statusCommand } from "./commands/status.js";
import { upCommand } from "./commands/up.js";
import { exitCode, Failure } from "./failure.js";

/** Runs the command line; the exit code is left in `process.exitCode`. */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  // A reader that went away ("synod log | head") is no reason to fail, nor for a cluster to stop.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  try {
    await yargs([...args])
      .scriptName("synod")
      .usage("$0 <command>\n\nReplicated gRPC services: multi-Paxos, each role a service of its own.")
      .command(upCommand)
      .command(generateCommand)
      .command(statusCommand)
      .command(serviceCommand)
      .command(kvCommand)
      .command(logCommand)
      .command(demoCommand)
      .demandCommand(1, "expected a command")
      .strictCommands()
      .strict()
      .recommendCommands()
      .help()
      .alias("h", "help")
      .wrap(null)
      .version(version())
      .fail((message, error) => {
        throw (
          error ??
          new Failure(`${message}\n"synod --help" lists the commands and their flags`, exitCode.usage)
        );
      })
      .parseAsync();
  } catch (error) {
    const known = error instanceof Failure;
    const text = known
      ? error.message
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error);
    process.stderr.write(`synod: ${text}\n`);
    process.exitCode = known ? error.code : exitCode.failed;
  }
}

function version(): string {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
