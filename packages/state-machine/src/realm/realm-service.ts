import { fileURLToPath } from "node:url";
import { type LoadedDefinition, load } from "../definition/load.js";
import { ReplicatedService } from "../definition/replicated-service.js";
import { Status } from "../definition/status.js";
import { checkpointLimits, commandLimits, defaultQuotaBytes, timeLimits } from "../engine/limits.js";
import { nameProblems } from "../engine/service.js";
import { calculatorService } from "../services/calculator.js";
import { keyValueService } from "../services/key-value.js";
import { keyValueLimits } from "../services/key-value-request.js";
import { lockLimits, lockService } from "../services/lock.js";
import { type Bundle, bundleOf } from "./bundle.js";
import { type Evaluated, Realm } from "./realm.js";
import { told } from "./traces.js";

/** The services that come with Synod, for modules that name their protos. */
const builtIn = { calculatorService, keyValueService, lockService };
const given = {
  constants: {
    ...{ Status, commandLimits, timeLimits, checkpointLimits, defaultQuotaBytes, keyValueLimits, lockLimits },
  },
  services: Object.fromEntries(
    Object.entries(builtIn).map(([key, { name, version, descriptors }]) => [
      key,
      { name, version, descriptors: Buffer.from(descriptors).toString("base64") },
    ]),
  ),
};

interface Opened extends Evaluated {
  readonly realm: Realm;
}

/** The exports of a module as seen from outside of its realm: services where it exported any, and else what it is. */
export type RealmExports = Readonly<Record<string, unknown>>;

/**
 * Loads a module in a realm of its own. Throws an Error that says what keeps it from being loaded.
 * @param file absolute path of an ECMAScript module, compiled or TypeScript
 */
export function loadInRealm(file: string): RealmExports {
  const bundle = bundleOf(file);
  const opened = open(bundle);
  return Object.fromEntries(
    Object.entries(opened.exports).map(([name, value]) => {
      const place = [...opened.defined.keys()].indexOf(value as object);
      return [name, place < 0 ? value : serviceOf(bundle, opened, place)];
    }),
  );
}

/**
 * The service that a module has as its default export, loaded in a realm. Throws an Error when there is none.
 * @param url of a compiled module
 */
export function serviceAt(url: string): ReplicatedService {
  const { default: service } = loadInRealm(fileURLToPath(url));
  if (service instanceof ReplicatedService) return service;
  throw new Error(`${url}: expected a replicated service as default export, found none`);
}

/**
 * The service, to be run in a realm: the one that the file it was defined in defines when it is loaded in one. A service
 * that came with Synod, or was loaded in a realm already, is given back as it is. Throws an Error that says why not.
 */
export function inRealm<Calls>(service: ReplicatedService<Calls>): ReplicatedService<Calls> {
  const { origin, name } = service;
  if (origin === undefined || origin.builtIn) return service;
  const reasons: string[] = [];
  for (const file of origin.files) {
    try {
      const bundle = bundleOf(file);
      const opened = open(bundle);
      const exported = Object.values(opened.exports);
      const defined = [...opened.defined.keys()];
      const fitting = defined.filter(
        (each) => exported.includes(each) && fits(service, opened.defined.get(each)),
      );
      const [found] = fitting.length === 1 ? fitting : [];
      if (found !== undefined)
        return serviceOf(bundle, opened, defined.indexOf(found)) as ReplicatedService<Calls>;
      reasons.push(
        `${file} exports ${fitting.length === 0 ? "no such service" : "several of its name and versions"} when it is loaded`,
      );
    } catch (error) {
      reasons.push(`${file}: ${(error as Error).message}`);
    }
  }
  throw new Error(
    `service ${name} cannot run as it does on a replica, where handlers have a realm of their own: expected a module that ` +
      `exports it and can be loaded by itself, found ${reasons.length === 0 ? "none" : `\n  ${reasons.join("\n  ")}`}\n` +
      "Define it in a module of its own, or, where a test defines it beside itself, run it with { sharedRealm: true }",
  );
}

function fits(service: ReplicatedService, definition: LoadedDefinition | undefined): boolean {
  const { name, version, oldestVersion = version } = definition as LoadedDefinition;
  return service.name === name && service.version === version && service.oldestVersion === oldestVersion;
}

function open(bundle: Bundle): Opened {
  const realm = new Realm(given);
  try {
    return { ...realm.load(bundle), realm };
  } catch (error) {
    throw told(error);
  }
}

function serviceOf(bundle: Bundle, first: Opened, place: number): ReplicatedService {
  let fresh: Opened | undefined = first;
  const definition = definitionOf(first, place);
  const problems = nameProblems(definition.name, definition.version, definition.oldestVersion);
  if (problems.length > 0)
    throw new TypeError(`service ${definition.name} is not well defined:\n  ${problems.join("\n  ")}`);
  return new ReplicatedService(definition, {
    build: first.build,
    // Each replica, and each start of one, has a realm of its own: what a module keeps in variables does not survive it.
    bind(loader) {
      const opened = fresh ?? open(bundle);
      fresh = undefined;
      const { evaluate } = opened.realm;
      return load(definitionOf(opened, place), (descriptorSet) => loader(descriptorSet, evaluate));
    },
  });
}

/** With what every definition has. Its functions are those of the realm. */
function definitionOf({ defined }: Opened, place: number): LoadedDefinition {
  const definition = [...defined.values()][place] as LoadedDefinition;
  const {
    oldestVersion = definition.version,
    since = {},
    validate = {},
    watches = {},
    errors = {},
  } = definition;
  const { commands = {}, queries = {} } = definition;
  const descriptors = Buffer.from(definition.descriptors);
  return { ...definition, oldestVersion, since, validate, watches, errors, commands, queries, descriptors };
}
