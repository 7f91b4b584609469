import type { Configuration } from "@synod/core";
import type { Engine, Report } from "@synod/state-machine";
import { expect, test } from "vitest";
import { confirmationOf } from "../src/replica/catch-up/confirmation.js";
import { SystemCommands } from "../src/replica/system-commands.js";

const configuration: Configuration = {
  ...{ number: 1, predecessor: 0, acceptors: [], leaders: [] },
  replicas: ["r1", "r2", "r3"].map((id) => ({ id, address: "127.0.0.1:1" })),
};

/** A replica with reports as a test has them; `lacking` is whom it does not wait for. */
function started() {
  const latest = new Map<string, Pick<Report, "number" | "slot">>();
  const clock = { ms: 0 };
  const reports = {
    latest,
    checkpoints: [] as { slot: number }[],
    unconfirmed: (_slot: number, _replica: string, _: Configuration, lacking: ReadonlySet<string>) => [
      ...lacking,
    ],
  };
  let asked = 0;
  const confirmation = confirmationOf({
    engine: { system: { reports } } as unknown as Engine,
    configuration,
    commands: new SystemCommands(),
    propose: () => {
      asked++;
    },
    nowMs: () => clock.ms,
  });
  return {
    latest,
    reports,
    clock,
    confirmation,
    asked: () => asked,
    lacking: () => confirmation.unconfirmed(40, "r1"),
  };
}

test("a replica that asks for a state is not waited for until it has reported one (rule 27)", () => {
  const { latest, confirmation, lacking } = started();
  latest.set("r2", { number: 5, slot: 31 }); // Of the directory that it lost.
  confirmation.lacks("r2", 21);
  confirmation.lacks("r3", 22);
  expect(lacking()).toEqual(["r2", "r3"]);
  latest.set("r2", { number: 6, slot: 21 });
  expect(lacking()).toEqual(["r2", "r3"]);
  latest.set("r2", { number: 7, slot: 32 });
  expect(lacking()).toEqual(["r3"]);
  confirmation.lacks("r2", 32);
  expect(lacking()).toEqual(["r3", "r2"]);
});

test("nor longer than it takes to ask all replicas in turn", () => {
  const { clock, confirmation, lacking } = started();
  confirmation.lacks("r2", 21);
  clock.ms = 50_000;
  expect(lacking()).toEqual(["r2"]);
  confirmation.lacks("r2", 21);
  clock.ms = 100_000;
  expect(lacking()).toEqual(["r2"]);
  clock.ms = 110_001;
  expect(lacking()).toEqual([]);
});

test("a checkpoint is asked for once, again more and more seldom, and for a later state at once (rules 27 and 29)", () => {
  const { reports, clock, confirmation, asked } = started();
  const ask = (slot: number, untilMs: number) => {
    for (; clock.ms < untilMs; clock.ms += 25) confirmation.ask(slot);
    return asked();
  };
  expect(ask(40, 2_000)).toBe(1);
  expect(ask(40, 14_000)).toBe(3); // After two and after four seconds.
  expect(ask(41, 14_500)).toBe(4);
  expect(ask(41, 17_000)).toBe(5);
  reports.checkpoints.push({ slot: 41 });
  expect(ask(41, 60_000)).toBe(5);
});
