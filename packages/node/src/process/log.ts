import * as grpc from "@grpc/grpc-js";
import { type DestinationStream, destination, type Logger, pino } from "pino";
import type { LogLevel } from "../configuration/config-file.js";

export type { Logger } from "pino";

export interface LogOptions {
  readonly level: LogLevel;
  /** Stands in every line: who writes it. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Standard output when absent. */
  readonly destination?: DestinationStream;
}

/**
 * The structured log: one JSON object a line on standard output, and nothing else there. What is meant for a person
 * (the ready line, warnings at start, last words) goes to standard error, where Node and native code write as well.
 * Requests and values are never logged: they are the users'.
 */
export function createLogger({ level, fields = {}, destination: given }: LogOptions): Logger {
  // Synchronous, so that the last words are out before the process is.
  const stream = given ?? destination({ dest: 1, sync: true });
  return pino(
    {
      level,
      base: { ...fields, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
}

/** gRPC's own words go into the log instead of on standard error; what matters of them is said by the transport. */
export function logGrpc(to: { readonly logger: Logger }): void {
  const debug = (...words: unknown[]) => to.logger.debug({ grpc: words.map(String).join(" ") }, "grpc");
  grpc.setLogger({ error: debug, info: debug, debug });
}
