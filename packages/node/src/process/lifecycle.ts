import { told } from "@synod/state-machine";
import { ExitCode } from "./exit-code.js";
import { exitCodeOf, lastWords, ServiceFailure } from "./failure.js";
import { createLogger, type Logger, lastWordsWithinMs, logGrpc } from "./log.js";
import { LossyOutput, withoutWaiting } from "./lossy-output.js";
import { stopWithParent } from "./parent.js";

/** A service under way. */
export interface RunningService {
  /** Stops in good order: NOT_SERVING, then streams, then the store. */
  stop(): Promise<void>;
}

/** The context of a service's main. */
export interface ServiceContext {
  /** The command's name. */
  readonly name: string;
  /**
   * Where the last words go besides standard error. Silent until one is set: before there is a configuration, standard
   * output belongs to a command's answer.
   */
  logger: Logger;
  /** Ends the process now, with this exit code: what is in memory is not to be trusted, or no use. */
  readonly fatal: (exitCode: number, error: unknown) => void;
  /**
   * True when a rejection that nobody handled is that of a user's service: it is logged then, and the process goes on. Every
   * replica runs the same handlers, so ending would end them all. Nobody's, until there are services.
   */
  isOfService: (reason: unknown) => boolean;
  /** A line for a person, on standard error. */
  readonly say: (line: string) => void;
}

/** A graceful stop takes at most 5 s, the end of the process included. */
const stopWithinMs = 4_500;

/**
 * Runs a service from here to the end of the process.
 * - `main` resolves to a running service, or to undefined when all is done already (a help text, a store made).
 * - SIGTERM, SIGINT and SIGHUP (a closed terminal) stop it and exit with 0; a second one exits at once, with 1. A signal that comes while `main`
 *   still starts is kept until it has started. A stop that does not end in time exits with 1.
 * - Whatever fails is logged, told in one line on standard error, and ends the process with its exit code.
 */
export function runService(
  name: string,
  main: (context: ServiceContext) => Promise<RunningService | undefined>,
): void {
  const say = sayOnStandardError(name);
  const fatal = (exitCode: number, error: unknown) => {
    context.logger.fatal({ err: error, exitCode }, lastWords(exitCode, error));
    say(lastWords(exitCode, error));
    process.exit(exitCode);
  };
  const context: ServiceContext = {
    ...{ name, fatal, say },
    logger: createLogger({ level: "silent" }),
    isOfService: () => false,
  };
  logGrpc(context);

  const fail = (error: unknown) => fatal(exitCodeOf(error), error);
  process.on("uncaughtException", fail);
  process.on("unhandledRejection", (reason) => {
    if (!context.isOfService(reason)) fail(reason);
    else context.logger.error({ err: told(reason) }, "a service left a rejected promise unhandled");
  });

  // Before `main` begins: a signal must find its handler from the first moment on.
  const asked = stopAsked(context);
  const run = async () => {
    const service = await main(context);
    if (service) {
      await asked;
      await service.stop();
      context.logger.info({ exitCode: ExitCode.graceful }, "stopped");
    }
    process.exit(ExitCode.graceful);
  };
  run().catch(fail);
}

/** Lines for a person. Whatever becomes of the outputs is no reason to stop, neither for these nor for what others write. */
function sayOnStandardError(name: string): (line: string) => void {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  const output = new LossyOutput({
    take: withoutWaiting(2),
    notice: (lost, reason) =>
      `${name}: ${lost} lines were lost here: standard error could not be written (${reason})`,
  });
  process.once("exit", () => output.flush(lastWordsWithinMs));
  return (line) => output.write(`${name}: ${line}\n`);
}

/** Resolves when the process is first asked to stop, and sees to it that it does not outlive that for long. */
function stopAsked(context: ServiceContext): Promise<void> {
  return new Promise((resolve) => {
    const { say, fatal } = context;
    let stopping = false;
    const stop = (reason: string) => {
      if (stopping) {
        say(`${reason} while stopping: ended at once`);
        process.exit(ExitCode.unexpected);
      }
      stopping = true;
      context.logger.info({ reason }, "stopping");
      const late = `the stop did not end within ${stopWithinMs} ms`;
      setTimeout(() => {
        fatal(ExitCode.unexpected, new ServiceFailure(ExitCode.unexpected, late));
      }, stopWithinMs);
      resolve();
    };
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => stop(signal));
    stopWithParent(stop);
  });
}
