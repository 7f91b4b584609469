import { systemSentence } from "@synod/node/surroundings";
import yargs, { type CommandModule } from "yargs";
import {
  asTyped,
  looksLikeFlag,
  requireReadable,
  takeMarksAway,
  typedAs,
  withoutSeparator,
} from "./arguments.js";
import { demoCommand } from "./commands/demo.js";
import { generateCommand } from "./commands/generate.js";
import { kvCommand } from "./commands/kv.js";
import { logCommand } from "./commands/log.js";
import { quotaCommand } from "./commands/quota.js";
import { serviceCommand } from "./commands/service.js";
import { simulateCommand } from "./commands/simulate.js";
import { skipCommand } from "./commands/skip.js";
import { snapshotCommand } from "./commands/snapshot.js";
import { statusCommand } from "./commands/status.js";
import { upCommand } from "./commands/up.js";
import { exitCode, Failure } from "./failure.js";
import { outputFailure, tell, watchOutputs } from "./output.js";
import { version } from "./version.js";

// Each has flags of its own, so what they have in common is that they are commands.
const modules = [
  upCommand,
  generateCommand,
  statusCommand,
  serviceCommand,
  quotaCommand,
  kvCommand,
  logCommand,
  snapshotCommand,
  skipCommand,
  demoCommand,
  simulateCommand,
] as readonly CommandModule[];

/** Runs the command line; the exit code is left in `process.exitCode`. */
export async function runCommandLine(words: readonly string[]): Promise<void> {
  watchOutputs();
  try {
    requireReadable(words);
    await parse(withoutSeparator(words));
    const failure = await outputFailure();
    if (failure !== undefined) throw failure;
  } catch (error) {
    tell(`synod: ${lastWords(error)}`);
    process.exitCode = error instanceof Failure ? error.code : exitCode.failed;
  }
}

async function parse(args: readonly string[]): Promise<void> {
  await yargs([...args])
    .scriptName("synod")
    // It would end the process before the help is out.
    .exitProcess(false)
    .usage("$0 <command>\n\nReplicated gRPC services: multi-Paxos, each role a service of its own.")
    .command([...modules])
    .demandCommand(1, "expected a command")
    .strictCommands()
    .strict()
    .recommendCommands()
    .middleware(takeMarksAway, true)
    .help()
    .alias("h", "help")
    .wrap(null)
    .version(version())
    .fail((message, error) => {
      // An error of its own class is what yargs throws for a flag without its value.
      if (error !== undefined && error.name !== "YError") throw error;
      const help = `"${["synod", ...commandOf(args), "--help"].join(" ")}" tells more`;
      throw new Failure(`${inPlainWords(error?.message ?? message, args)}\n${help}`, exitCode.usage);
    })
    .parseAsync();
}

/** A sentence for whatever ended a command; the stack only for what nobody foresaw. */
function lastWords(error: unknown): string {
  if (error instanceof Failure) return error.message;
  const sentence = systemSentence(error);
  if (sentence !== undefined) return sentence;
  const [message, stack] = error instanceof Error ? [error.message, error.stack ?? ""] : [String(error), ""];
  return `ended by an unexpected error: ${message}. This is a defect; please report it with these lines:\n${stack}`;
}

const commands = modules.map(({ command }) => String(command).split(" ")[0] ?? "");
const commandsBelow: Readonly<Record<string, readonly string[]>> = {
  kv: ["get", "put", "delete", "range"],
  service: ["list", "switch", "retire"],
  snapshot: ["save", "restore", "show"],
};

/** The command whose help tells what could have been meant; nothing when it is not known. */
function commandOf([command = "", second = ""]: readonly string[]): string[] {
  if (!commands.includes(command)) return [];
  return commandsBelow[command]?.includes(second) ? [command, second] : [command];
}

/** A complaint of yargs about a command line, reworded as what was expected and what was found. */
function inPlainWords(message: string, args: readonly string[]): string {
  const typed = args.filter((each) => !each.startsWith("-")).join(" ");
  const plain = message
    .split(/(?=\0)/)
    .map(asTyped)
    .join("")
    .replace(
      /^Not enough non-option arguments: got (\d+), need at least (\d+)$/,
      "too few words behind the command: expected $2, found $1",
    )
    .replace(/^Unknown commands?: (.*)$/, "unknown command, or a word too many: $1")
    .replace(/^Did you mean (.*)\?$/, `no command "${typed}"; did you mean $1?`)
    .replace(/^Unknown arguments?: (.*)$/, (_, names: string) => {
      const words = new Set(names.split(", ").map((name) => typedAs(name, args)));
      return `unknown flag, or a word too many: ${[...words].join(", ")}`;
    })
    .replace(/^Not enough arguments following: (.*)$/, "--$1: expected a value behind it, found none");
  const dashed = args.some(looksLikeFlag) && /^(too few words|unknown flag)/.test(plain);
  return dashed
    ? `${plain}; words that begin with a dash and are no flags, values too, go behind "--"`
    : plain;
}
