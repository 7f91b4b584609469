import { statSync } from "node:fs";
import path from "node:path";
import {
  isNotDeterministic,
  isOfRealm,
  loadInRealm,
  type RealmExports,
  type ReplicatedService,
} from "@synod/state-machine";
import { loadServices } from "@synod/wire";
import { ConfigurationError } from "./problem.js";

/** A module with a user's replicated service. */
export interface ServiceModule {
  /** Absolute. */
  readonly path: string;
  readonly service: ReplicatedService;
}

const kind = "the default export of a service module is what replicatedService(…).define({…}) returns";
const namePattern = /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$/;
const reserved = /^(synod|grpc)\./;
const typeScript = /\.[cm]?tsx?$/;

/**
 * Loads the replicated services of modules, each in a realm of its own: compiled ECMAScript modules with a service as
 * default export. Throws `ConfigurationError` with what is wrong with any of them.
 *
 * @param paths absolute
 */
export async function loadServiceModules(paths: readonly string[]): Promise<readonly ServiceModule[]> {
  const problems: string[] = [];
  const modules: ServiceModule[] = [];
  const owners = new Map<string, string>();
  for (const file of paths) {
    const found = load(file);
    const name = typeof found === "string" ? "" : found.name;
    const owner = owners.get(name);
    if (typeof found === "string") problems.push(`service module ${file}: ${found}`);
    else if (owner !== undefined)
      problems.push(
        `service module ${file}: expected each service once, but ${name} is that of ${owner} too`,
      );
    else {
      owners.set(name, file);
      modules.push({ path: file, service: found });
    }
  }
  if (problems.length > 0) throw new ConfigurationError(problems);
  return modules;
}

/**
 * True when what was thrown comes from one of these modules: a handler that makes a promise and lets go of it is a defect
 * that replicas survive. Synod's own code throws errors of the process's realm, where no module's code runs.
 */
export function thrownByService(modules: readonly ServiceModule[], reason: unknown): boolean {
  if (reason instanceof Error && !isNotDeterministic(reason)) return false;
  return isOfRealm(reason) || modules.length > 0;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const reason = `${error.name}: ${error.message}`;
  return error.name === "Error" ? error.message : reason;
}

/** The service of a module, or what is wrong with it. */
function load(file: string): ReplicatedService | string {
  const unfit = fileProblem(file);
  if (unfit !== undefined) return unfit;
  let module: RealmExports;
  try {
    module = loadInRealm(file);
  } catch (error) {
    return `it cannot be loaded: ${reasonOf(error)}`;
  }
  if (!("default" in module)) {
    const names = Object.keys(module);
    const found = names.length > 0 ? `it exports ${names.join(", ")}` : "it exports nothing";
    return `expected a default export, found none (${found}); ${kind}`;
  }
  return serviceProblem(module.default) ?? (module.default as ReplicatedService);
}

function fileProblem(file: string): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false });
  if (typeScript.test(file)) {
    const compiled = path.basename(file).replace(/\.([cm]?)tsx?$/, ".$1js");
    return `expected compiled JavaScript, found TypeScript: compile it first (npx tsc) and give the ${compiled} that comes of it`;
  }
  if (found === undefined) return "expected a file, found none of this name";
  if (!found.isFile()) return "expected a file, found a directory: name the module in it";
  return undefined;
}

function serviceProblem(value: unknown): string | undefined {
  const { name, descriptors, bind } = (
    typeof value === "object" && value !== null ? value : {}
  ) as Partial<ReplicatedService>;
  if (typeof name !== "string" || !(descriptors instanceof Uint8Array) || typeof bind !== "function")
    return `expected a replicated service as default export, found ${described(value)}; ${kind}`;
  if (!namePattern.test(name)) return `expected the full name of a service, found ${JSON.stringify(name)}`;
  if (reserved.test(name))
    return `expected a service of your own, found ${name}: names that begin with synod. or grpc. are reserved`;
  try {
    (value as ReplicatedService).bind(loadServices);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function described(value: unknown): string {
  if (value === null || typeof value !== "object") return value === null ? "null" : `a ${typeof value}`;
  const names = Object.keys(value);
  return names.length > 0 ? `an object with ${names.slice(0, 5).join(", ")}` : "an object without properties";
}
