import { type BoundService, calculatorService, keyValueService, lockService } from "@synod/state-machine";
import { descriptorSet, loadServices } from "@synod/wire";
import { type Build, stockService } from "./stock/service.js";

/** The real replicated services, as every replica runs them. */
export const services: readonly BoundService[] = [keyValueService, calculatorService, lockService].map(
  (service) => service.bind(loadServices),
);

/** With that of a user's, as a build has it. */
export function servicesWith(build: Build): readonly BoundService[] {
  return [...services, stockService(build)];
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
