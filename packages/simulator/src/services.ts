import {
  type BoundService,
  calculatorService,
  keyValueService,
  lockService,
  slotLimits,
} from "@synod/state-machine";
import { descriptorSet, loadServices } from "@synod/wire";
import type { WorldOptions } from "./options.js";
import { type Build, builds } from "./stock/definition.js";
import { stockService, stockServiceBeside, stockServiceInRealm } from "./stock/service.js";

/** The real replicated services, as every replica runs them. */
export const services: readonly BoundService[] = [keyValueService, calculatorService, lockService].map(
  (service) => service.bind(loadServices),
);

/** A build that runs every version of the user's service. The services are bound once, since they keep nothing of a run. */
const everyVersion: Build = [1, 3];
const beside = [...services, stockService(everyVersion)];
const besideRealms = [...services, stockServiceBeside(everyVersion)];

/** The services that execute the decided log beside the replicas. */
export function servicesBeside({ upgrades, realm }: WorldOptions): readonly BoundService[] {
  if (!upgrades) return services;
  return realm ? besideRealms : beside;
}

const boundBuilds = builds.map((build) => [...services, stockService(build)]);

/** The services of a replica that starts with a build. */
export function servicesOf(build: number, { upgrades, realm }: WorldOptions): readonly BoundService[] {
  if (!upgrades) return services;
  return realm ? [...services, stockServiceInRealm(build)] : (boundBuilds[build] ?? services);
}

/** The simulated cluster's id, in the form of real ones. */
export const clusterId = "5150d0000000000000000000000c1u57";

/** Bounds of sessions: room for all that a short run does. */
export const sessionBounds = { maxWindow: 16, maxSessionBytes: 1 << 16, maxTableBytes: 1 << 20 } as const;

/** The bounds of an engine in a world; all that execute commands there have the same. */
export function boundsOf({ maxSessions, slotBytes, upgrades }: WorldOptions) {
  const bounds = { sessionLimits: { ...sessionBounds, maxSessions } };
  if (slotBytes === 0) return bounds;
  // The model of the user's service has all run that is due.
  const maxDueBytes = upgrades ? slotLimits.maxDueBytes : slotBytes;
  return { ...bounds, slotLimits: { ...slotLimits, maxBytes: slotBytes, maxDueBytes } };
}

const queries = new Set(["Get", "Range", "Value", "Count"]);

/** True for a method that changes nothing; by its name, as nobody tells in the log what is a query. */
export function isQuery({ method }: { readonly method: string }): boolean {
  return queries.has(method);
}

export const serviceNames = {
  kv: "synod.kv.v1.KeyValue",
  calculator: "synod.calculator.v1.Calculator",
  lock: "synod.lock.v1.Lock",
} as const;

const described = loadServices(descriptorSet);

/** A method of a built-in service, with the codec of its requests and responses. */
export function methodOf(service: string, name: string) {
  const method = described.services.get(service)?.methods.get(name);
  if (!method) throw new Error(`expected a method of a built-in service, found ${service}/${name}`);
  return method;
}
