import { statSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { NotDeterministic, type ReplicatedService } from "@synod/state-machine";
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
 * Loads the replicated services of modules: compiled ECMAScript modules with a service as default export. Throws
 * `ConfigurationError` with what is wrong with any of them.
 *
 * @param paths absolute
 */
export async function loadServiceModules(paths: readonly string[]): Promise<readonly ServiceModule[]> {
  const problems: string[] = [];
  const modules: ServiceModule[] = [];
  const owners = new Map<string, string>();
  for (const file of paths) {
    const found = await load(file);
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
 * Whether what was thrown comes from one of these modules or what stands beside it: a handler that makes a promise and
 * lets go of it is a defect that replicas survive. Synod's own code throws errors, and none from there.
 */
export function thrownByService(modules: readonly ServiceModule[], reason: unknown): boolean {
  if (reason instanceof NotDeterministic) return true;
  if (!(reason instanceof Error)) return modules.length > 0;
  const folders = modules.flatMap(({ path: file }) => {
    const folder = path.dirname(file);
    return [`${pathToFileURL(folder).href}/`, `${folder}${path.sep}`];
  });
  const frames = (reason.stack ?? "").split("\n").filter((line) => !line.includes("/node_modules/"));
  return folders.some((folder) => frames.some((frame) => frame.includes(folder)));
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const reason = `${error.name}: ${error.message}`;
  // Node tells the place, which may be in a module that this one imports, only when it ends the process.
  return error instanceof SyntaxError ? `${reason}; run the module with node to see where` : reason;
}

/** The service of a module, or what is wrong with it. */
async function load(file: string): Promise<ReplicatedService | string> {
  const unfit = fileProblem(file);
  if (unfit !== undefined) return unfit;
  let module: Record<string, unknown>;
  try {
    module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
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

/**
 * Told by its shape: a service made with another copy of the package, as in a project with its own node_modules, is a
 * service all the same.
 */
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
