import { type ConfigurationAnswer, packageVersion, readConfiguration } from "@synod/node";

export const name = "synod-leader";
export const version = packageVersion(import.meta.url);

/** Reads this leader's configuration. Throws `ConfigurationError` with every problem. */
export function leaderConfiguration(
  parameters: readonly string[],
  environment: NodeJS.ProcessEnv,
): ConfigurationAnswer {
  return readConfiguration({ name, role: "leader", version, parameters, environment });
}
