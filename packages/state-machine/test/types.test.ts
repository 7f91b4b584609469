import { describe, expect, it } from "vitest";
import { ledger, misuses, rest, StandingOrder, Transfer } from "./fixture/misuses.js";
import { descriptors } from "./ledger.js";

describe("the types of replicatedService", () => {
  it("accept a sound definition", () => {
    const service = ledger.define({ ...rest, commands: { Transfer, StandingOrder } });
    expect(service).toMatchObject({ name: "bank.v1.Ledger", version: 1, descriptors });
  });

  it("refuse every misuse of the fixture, which the compiler checks", () => {
    expect(Object.keys(misuses).length).toBeGreaterThan(15);
  });
});
