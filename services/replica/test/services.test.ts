import { descriptorSet, loadServices } from "@synod/wire";
import { expect, test } from "vitest";
import { builtInServices } from "../src/services.js";

const bound = builtInServices.map((service) => service.bind(loadServices));

test("the built-in services are those of the proto files, each with all of its methods", () => {
  const { services } = loadServices(descriptorSet);
  const declared = builtInServices.map(({ name }) => [
    name,
    [...(services.get(name)?.methods.keys() ?? [])].sort(),
  ]);
  expect(declared.map(([name]) => name)).toEqual([
    "synod.kv.v1.KeyValue",
    "synod.calculator.v1.Calculator",
    "synod.lock.v1.Lock",
  ]);
  expect(bound.map(({ name, methodNames }) => [name, [...methodNames].sort()])).toEqual(declared);
});

test("the queries are exactly the methods that the proto files declare free of side effects", () => {
  const { services } = loadServices(descriptorSet);
  for (const service of bound) {
    for (const [name, method] of services.get(service.name)?.methods ?? []) {
      const declared = method.idempotency === "no-side-effects" ? "query" : "command";
      expect([`${service.name}/${name}`, service.kindOf(name)]).toEqual([
        `${service.name}/${name}`,
        declared,
      ]);
    }
  }
});
