import { readFileSync } from "node:fs";
import path from "node:path";
import { ConfigurationError, loadServiceModules, type ServiceModule } from "@synod/node";
import { systemReason } from "@synod/node/surroundings";
import { loadServices, type PlainMessage } from "@synod/wire";
import { exitCode, Failure } from "../failure.js";
import type { Plan } from "./plan.js";

/** Loads the modules here first, so that what is wrong with them is told before anything starts. */
export async function requireServices(paths: readonly string[]): Promise<readonly ServiceModule[]> {
  try {
    return await loadServiceModules(paths);
  } catch (error) {
    if (error instanceof ConfigurationError) throw new Failure(error.problems.join("\n"), exitCode.usage);
    throw error;
  }
}

/** The services that the replicas of an earlier start were given: absolute paths. */
export function storedServices({ cluster, members }: Pick<Plan, "cluster" | "members">): string[] {
  const replica = members.find(({ role }) => role === "replica");
  if (replica === undefined) return [];
  try {
    const { services } = JSON.parse(readFileSync(replica.config, "utf8")) as { services?: unknown };
    const given = Array.isArray(services) ? services.filter((each) => typeof each === "string") : [];
    return given.map((each) => path.resolve(cluster, each));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    // A replica that is started without its services does not go on.
    throw new Failure(
      `cannot read which services the replicas run from ${replica.config}: ${systemReason(error)}; give each module again with --service, or delete that file when there are none`,
    );
  }
}

/** A method of a service to try, with a request that has every plain field. */
export interface Example {
  readonly method: string;
  readonly request: object;
}

/** The first command of a service, else its first query; undefined when it has neither. */
export function exampleOf({ service }: ServiceModule): Example | undefined {
  const loaded = loadServices(service.descriptors);
  const methods = [...(loaded.services.get(service.name)?.methods.values() ?? [])].filter(
    ({ requestStream, responseStream }) => !requestStream && !responseStream,
  );
  const found = methods.find(({ idempotency }) => idempotency !== "no-side-effects") ?? methods[0];
  if (found === undefined) return undefined;
  const defaults = found.decodeRequest(new Uint8Array());
  return { method: `${service.name}/${found.name}`, request: plainFields(defaults) };
}

function plainFields(message: PlainMessage): object {
  const plain = Object.entries(message).filter(([, value]) =>
    ["string", "number", "boolean"].includes(typeof value),
  );
  // A text that is not empty shows which one it is, and more methods take it.
  return Object.fromEntries(plain.map(([name, value]) => [name, value === "" ? name : value]));
}
