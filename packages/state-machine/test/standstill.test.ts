import { loadServices } from "@synod/wire";
import { expect, it } from "vitest";
import { lockService, replicatedService, type SlotContent } from "../src/index.js";
import { descriptors } from "./ledger.js";
import { bound, serviceOf, World } from "./support.js";

const resumes = "test.v1.Resumes";
const catchesUp = "test.v1.CatchesUp";

/** Two services that tell the time, and have themselves called later. */
function world() {
  const told: string[] = [];
  const telling = (name: string) =>
    serviceOf(
      {
        kind: "command",
        execute(_tx, request, context) {
          const { afterMs } = request as { afterMs?: number };
          told.push(
            `${name === resumes ? "resumes" : "catches up"} ${context.client ? "asked" : "due"} ${context.timeMs}`,
          );
          if (afterMs !== undefined)
            context.schedule({
              atMs: context.timeMs + afterMs,
              method: "Do",
              request: Buffer.from("{}"),
              id: "it",
            });
          return {};
        },
      },
      name,
      name === resumes ? "resume" : "catch up",
    );
  const both = new World([telling(resumes), telling(catchesUp)]);
  both.batch([], 1_000);
  return { both, told };
}

const standsStill = (ms: number): Partial<Extract<SlotContent, { kind: "batch" }>> => ({ standstillMs: ms });

function decide({ engine }: World, logTimeMs: number, standstillMs: number): void {
  engine.apply(engine.appliedSlot + 1, {
    kind: "batch",
    commands: [],
    logTimeMs,
    ...standsStill(standstillMs),
  });
}

it("a standstill counts for the service that declares it, and for no other (rule 35)", () => {
  const { both, told } = world();
  for (const name of [resumes, catchesUp]) both.call(name, "Do", { afterMs: 5_000 });
  expect(both.engine.nextDue).toEqual({ resumeMs: 6_000, catchUpMs: 6_000 });
  decide(both, 1_500, 60_000);
  expect(both.engine.logTime).toMatchObject({ resumeMs: 1_500, catchUpMs: 61_500 });
  decide(both, 6_000, 60_000);
  for (const name of [resumes, catchesUp]) both.call(name, "Do", {});
  expect(told).toEqual([
    "resumes asked 1000",
    "catches up asked 1000",
    "catches up due 61500",
    "resumes due 6000",
    "resumes asked 6000",
    "catches up asked 66000",
  ]);
});

it("what waits in either time goes on waiting after a restart, and can be taken back under its id", () => {
  const { both } = world();
  for (const name of [resumes, catchesUp]) both.call(name, "Do", { afterMs: 5_000 });
  decide(both, 1_500, 1_000);
  const { nextDue, logTime, hash } = both.engine;
  both.engine = both.engineOver(both.map);
  expect(both.engine).toMatchObject({ nextDue, logTime, hash });
  both.call(catchesUp, "Do", { afterMs: 9_000 });
  expect(both.engine.nextDue).toEqual({ resumeMs: 6_000, catchUpMs: 11_500 });
});

it("a proposer that had not seen where a span began moves the time of either kind by a step at most", () => {
  const { both } = world();
  const { appliedSlot } = both.engine;
  both.call(catchesUp, "Do", {});
  const said = { logTimeMs: 90_000, standstillMs: 90_000, appliedSlot, appliedLogTimeMs: 1_000 };
  both.engine.apply(both.engine.appliedSlot + 1, { kind: "batch", commands: [], ...said });
  expect(both.engine.logTime).toMatchObject({ resumeMs: 1_200, catchUpMs: 1_200 });
});

it("a service says it for each version, in words that are known", () => {
  expect(bound(lockService).afterStandstill(1)).toBe("resume");
  const ledger = (afterStandstill: never) =>
    (replicatedService as CallableFunction)({ descriptors, service: "bank.v1.Ledger" })
      .define({ version: 2, oldestVersion: 1, afterStandstill, errors: {}, commands: {}, queries: {} })
      .bind(loadServices);
  expect(() => ledger(((version: number) => (version === 1 ? "resume" : "go on")) as never)).toThrow(
    /afterStandstill: expected "resume" or "catch up" for version 2, found go on/,
  );
});
