import { Status } from "@synod/state-machine";
import { expect, it } from "vitest";
import { ServiceModels } from "../src/service-models.js";
import { methodOf, serviceNames } from "../src/services.js";

function call(
  models: ServiceModels,
  method: string,
  request: object,
  response: object,
  status: number = Status.ok,
) {
  const service = method === "Add" ? serviceNames.calculator : serviceNames.kv;
  const { encodeRequest, encodeResponse } = methodOf(service, method);
  const name = { clientId: "1.0", sequence: 1, acknowledged: 0 };
  const command = { ...name, service, method, request: encodeRequest(request as never) };
  const answer = {
    ...{ clientId: "1.0", sequence: 1, status, message: "", slot: 1 },
    ...{ repeated: false, outcome: "answered" as const },
    response: status === Status.ok ? encodeResponse(response as never) : new Uint8Array(),
  };
  return models.differenceIn(command, answer, 0);
}

it("right answers of services pass, and a wrong one says what was expected", () => {
  const models = new ServiceModels();
  const append = { key: "k", value: Buffer.from("ab") };
  expect(call(models, "Append", append, { length: "2" })).toBeUndefined();
  expect(call(models, "Append", append, { length: "2" })).toMatch(/length:"4".*found.*"2"/);
  expect(call(models, "Put", append, { revision: "3" })).toBeUndefined();
  expect(call(models, "Put", append, { revision: "3" })).toMatch(/above 3/);
  expect(call(models, "Add", { operand: "5" }, { value: "5" })).toBeUndefined();
  expect(call(models, "Add", { operand: "5" }, { value: "5" })).toMatch(/"10".*found.*"5"/);
  expect(call(models, "Add", { operand: "1" }, {}, Status.outOfRange)).toMatch(/found OUT_OF_RANGE/);
});
