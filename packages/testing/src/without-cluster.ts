import type { ReplicatedService } from "@synod/state-machine";
import * as withLoader from "@synod/state-machine/testing";
import { loadServices } from "@synod/wire";

export interface RunOptions {
  /** Where log time begins, in milliseconds since 1970. Default: 1,000,000,000,000 (September 2001). */
  readonly startMs?: number;
  /**
   * Runs the handlers in the test's own realm, where clock and chance are the process's: for a service that a test defines
   * beside itself and that no module exports. Default: in a realm of its own, as on a replica.
   */
  readonly sharedRealm?: boolean;
}

/**
 * Runs a service in memory: the engine that replicas have, without a cluster. `call` executes a command or query, and
 * throws `CallFailed`; `advance` lets log time pass. Throws, naming every problem, when the service does not fit its proto.
 */
export function run<Calls>(
  service: ReplicatedService<Calls>,
  options: RunOptions = {},
): withLoader.ServiceRun<Calls> {
  return withLoader.run(service, { ...options, loader: loadServices });
}

export type DeterminismTest = Omit<withLoader.DeterminismTest, "loader">;

/**
 * Executes steps twice, in processes with other time zones and locales, another seed of chance, another stack and other
 * machine code, the second time with the module loaded anew for every step. Throws an Error that names the first step whose answer or state differs, and what a handler throws
 * that its service does not declare.
 */
export function checkDeterminism(test: DeterminismTest): Promise<void> {
  return withLoader.checkDeterminism({ ...test, loader: import.meta.resolve("@synod/wire") });
}

export type UpgradeTest = Omit<withLoader.UpgradeTest, "loader">;

/**
 * Takes a service from the build `from` to the build `to` and back, as a cluster does that goes on meanwhile, and compares
 * the two builds after each step, under every version that both offer: the bytes of the answer, of every row and of what
 * is scheduled. Builds are services, or URLs of compiled modules with a service as default export. Throws an Error that
 * names the first step, the version, and what differs; and what a handler throws that its service does not declare.
 */
export function checkUpgrade(test: UpgradeTest): Promise<void> {
  return withLoader.checkUpgrade({ ...test, loader: loadServices });
}
