import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { calculatorService, keyValueService, type ReplicatedService } from "@synod/state-machine";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { tryLines } from "../src/cluster/endpoints.js";
import { planCluster } from "../src/cluster/plan.js";
import { exampleOf, requireServices, storedServices } from "../src/cluster/user-services.js";
import { exitCode, Failure } from "../src/failure.js";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "synod-services-"));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

const moduleOf = (service: ReplicatedService) => ({ path: "/service.js", service });

describe("what to try of a user's service", () => {
  it("is its first command, with every plain field", () => {
    expect(exampleOf(moduleOf(calculatorService))).toEqual({
      method: "synod.calculator.v1.Calculator/Add",
      request: { operand: "0" },
    });
    // No bytes: what they mean is for the service to say.
    expect(exampleOf(moduleOf(keyValueService))?.request).toEqual({ key: "key" });
  });

  it("stands before what is built in", () => {
    const [first, second] = tryLines("127.0.0.1:1", [
      { method: "bank.v1.Ledger/Open", request: { account: "account" } },
    ]);
    expect(first?.grpcurl).toBe(
      `grpcurl -plaintext -d '{"account":"account"}' 127.0.0.1:1 bank.v1.Ledger/Open`,
    );
    expect(second?.title).toBe("put");
  });
});

describe("the services of an earlier start", () => {
  const plan = () => {
    const made = planCluster(directory, { acceptors: 1, leaders: 1, replicas: 1 }, 4100);
    mkdirSync(made.cluster, { recursive: true });
    return made;
  };

  it("are those in the replicas' configuration, where the project is now", () => {
    const made = plan();
    writeFileSync(path.join(made.cluster, "r1.json"), '{ "id": "r1", "services": ["../../a.js", "/b.js"] }');
    expect(storedServices(made)).toEqual([path.join(directory, "..", "a.js"), "/b.js"]);
  });

  it("are none when there was none", () => {
    const made = plan();
    expect(storedServices(made)).toEqual([]);
    writeFileSync(path.join(made.cluster, "r1.json"), '{ "id": "r1" }');
    expect(storedServices(made)).toEqual([]);
  });

  it.each(["", '{ "id": "r1", "serv'])("are asked for where they cannot be read: %j", (text) => {
    const made = plan();
    writeFileSync(path.join(made.cluster, "r1.json"), text);
    expect(() => storedServices(made)).toThrow(
      /cannot read which services.*r1\.json.*give each module again/,
    );
  });
});

it("a module that is no service is wrong usage", async () => {
  const error = await requireServices([path.join(directory, "none.js")]).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(Failure);
  expect((error as Failure).code).toBe(exitCode.usage);
});
