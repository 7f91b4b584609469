import { type BoundService, calculatorService, keyValueService, lockService } from "@synod/state-machine";
import { descriptorSet, loadServices } from "@synod/wire";
import type { WorldOptions } from "./options.js";
import { type Build, builds } from "./stock/definition.js";
import { stockService, stockServiceBeside, stockServiceInRealm } from "./stock/service.js";

/** The real replicated services, as every replica runs them. */
export const services: readonly BoundService[] = [keyValueService, calculatorService, lockService].map(
  (service) => service.bind(loadServices),
);

/** With every version of a user's, whatever the builds of the replicas do; bound once, since nothing of a run is kept in them. */
const everyVersion: Build = [1, 3];
const beside = [...services, stockService(everyVersion)];
const besideRealms = [...services, stockServiceBeside(everyVersion)];

/** What executes the decided log beside the replicas. */
export function servicesBeside({ upgrades, realm }: WorldOptions): readonly BoundService[] {
  if (!upgrades) return services;
  return realm ? besideRealms : beside;
}

const boundBuilds = builds.map((build) => [...services, stockService(build)]);

/** Those of a replica that starts with a build. */
export function servicesOf(build: number, { upgrades, realm }: WorldOptions): readonly BoundService[] {
  if (!upgrades) return services;
  return realm ? [...services, stockServiceInRealm(build)] : (boundBuilds[build] ?? services);
}

/** The simulated cluster's, of the form that real ones have. */
export const clusterId = "5150d0000000000000000000000c1u57";

/** Of sessions: room for all that a short run does. */
export const sessionBounds = { maxWindow: 16, maxSessionBytes: 1 << 16, maxTableBytes: 1 << 20 } as const;

export const serviceNames = {
  kv: "synod.kv.v1.KeyValue",
  calculator: "synod.calculator.v1.Calculator",
  lock: "synod.lock.v1.Lock",
} as const;

const described = loadServices(descriptorSet);

/** How the requests and responses of a method become bytes and back. */
export function methodOf(service: string, name: string) {
  const method = described.services.get(service)?.methods.get(name);
  if (!method) throw new Error(`expected a method of a built-in service, found ${service}/${name}`);
  return method;
}
