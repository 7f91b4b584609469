import * as grpc from "@grpc/grpc-js";
import { type DestinationStream, type Logger, pino } from "pino";
import type { LogLevel } from "../configuration/config-file.js";
import { LossyOutput, withoutWaiting } from "./lossy-output.js";

export type { Logger } from "pino";

export interface LogOptions {
  readonly level: LogLevel;
  /** Stands in every line: who writes it. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Standard output when absent. */
  readonly destination?: DestinationStream;
}

/** The last words may wait so long for a slow reader. */
export const lastWordsWithinMs = 200;

/**
 * The structured log: one JSON object a line on standard output, and nothing else there. What is meant for a person
 * (the ready line, warnings at start, last words) goes to standard error, where Node and native code write as well.
 * Requests and values are never logged: they are the users'. Lines that standard output does not take are lost, and counted.
 */
export function createLogger(options: LogOptions): Logger {
  return openLog(options).logger;
}

export interface OpenLog {
  readonly logger: Logger;
  /** In words, what is wrong with the log itself; empty when nothing is. */
  readonly trouble: () => string;
}

/** As `createLogger`, with the log's own state for whoever reports it elsewhere. */
export function openLog({ level, fields = {}, destination: given }: LogOptions): OpenLog {
  const base = { ...fields, pid: process.pid };
  // Each line is written at once where it is taken, so that the last words are out before the process is.
  const output = given === undefined ? standardOutput(base) : undefined;
  const logger = pino(
    {
      level,
      base,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    given ?? output,
  );
  return { logger, trouble: () => output?.trouble ?? "" };
}

function standardOutput(base: object): LossyOutput {
  const notice = (lost: number, reason: string) => {
    const line = { level: "warn", time: new Date().toISOString(), ...base, lost, reason };
    return JSON.stringify({ ...line, msg: `${lost} lines of this log were lost: it could not be written` });
  };
  const output = new LossyOutput({ take: withoutWaiting(1), notice });
  process.once("exit", () => output.flush(lastWordsWithinMs));
  return output;
}

/** gRPC's own words go into the log instead of on standard error; what matters of them is said by the transport. */
export function logGrpc(to: { readonly logger: Logger }): void {
  const debug = (...words: unknown[]) => to.logger.debug({ grpc: words.map(String).join(" ") }, "grpc");
  grpc.setLogger({ error: debug, info: debug, debug });
}
