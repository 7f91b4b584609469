import type { Argv } from "yargs";
import { exitCode, Failure } from "../failure.js";

/** `--replica ADDRESS`, as often as wanted, as most commands take it. */
export function withReplicas<T>(yargs: Argv<T>) {
  return yargs.option("replica", {
    type: "string",
    array: true,
    // One a flag: a list without end would take what follows.
    nargs: 1,
    default: [] as string[],
    defaultDescription: "the cluster that `synod up` last started here",
    describe: "address (HOST:PORT) of a replica to talk to; may be repeated",
  });
}

/** `--without ID`, for what every replica must be asked. */
export function withoutReplicas<T>(yargs: Argv<T>) {
  return yargs.option("without", {
    type: "string",
    array: true,
    nargs: 1,
    default: [] as string[],
    describe:
      "id of a replica that is gone for good, and with it what it alone has executed; may be repeated",
  });
}

export function requireWhole(name: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new Failure(
    `--${name}: expected a whole number of at least ${least}, found ${shownNumber(value)}`,
    exitCode.usage,
  );
}

/** A flag's value as it is shown in messages: yargs has made a number of what was typed. */
export function shownNumber(value: number): string {
  return Number.isNaN(value) ? "something that is no number" : String(value);
}
