import {
  type CalculatorMethods,
  calculatorService,
  type KeyValueMethods,
  keyValueService,
  type ReplicatedService,
} from "@synod/state-machine";
import { descriptorSet, loadServices, type ServiceMethod } from "@synod/wire";

const loaded = loadServices(descriptorSet);

/** How the messages of a service become bytes and back, as its proto says. */
function codecOf<Methods>(service: string): Readonly<Record<keyof Methods, ServiceMethod>> {
  const found = loaded.services.get(service);
  if (!found) throw new Error(`the descriptor set knows no service ${service}`);
  return Object.fromEntries(found.methods) as Record<keyof Methods, ServiceMethod>;
}

/** The replicated services that come with Synod. */
export const builtInServices: readonly ReplicatedService[] = [
  keyValueService(codecOf<KeyValueMethods>("synod.kv.v1.KeyValue")),
  calculatorService(codecOf<CalculatorMethods>("synod.calculator.v1.Calculator")),
];
