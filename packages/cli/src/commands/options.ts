import type { Argv } from "yargs";
import { exitCode, Failure } from "../failure.js";

/** `--replica ADDRESS…`, as most commands take it. */
export function withReplicas<T>(yargs: Argv<T>) {
  return yargs.option("replica", {
    type: "string",
    array: true,
    requiresArg: true,
    default: [] as string[],
    defaultDescription: "the cluster that `synod up` last started here",
    describe: "addresses (HOST:PORT) of replicas to talk to",
  });
}

export function requireWhole(name: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new Failure(
    `--${name}: expected a whole number of at least ${least}, found ${value}`,
    exitCode.usage,
  );
}
