import { type ConfigurationAnswer, packageVersion, readConfiguration } from "@synod/node";

export const name = "synod-replica";
export const version = packageVersion(import.meta.url);

/** Reads this replica's configuration. Throws `ConfigurationError` with every problem. */
export function replicaConfiguration(
  parameters: readonly string[],
  environment: NodeJS.ProcessEnv,
): ConfigurationAnswer {
  return readConfiguration({ name, role: "replica", version, parameters, environment });
}
