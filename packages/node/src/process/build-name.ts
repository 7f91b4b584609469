import { createHash } from "node:crypto";

/**
 * Names what executes slots here: the version of Synod, the builds of users' services, and Node with the options that it was
 * started with. A slot that one could not execute is worth a try with another (rule 33).
 */
export function buildName(
  version: string,
  services: readonly { readonly build: string | undefined }[],
): string {
  const builds = services.map(({ build }) => build ?? "");
  const { execArgv, env } = process;
  const parts = [version, process.version, execArgv, env.NODE_OPTIONS ?? "", builds];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}
