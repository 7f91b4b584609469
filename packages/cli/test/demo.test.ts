import { seededRandom } from "@synod/core";
import { describe, expect, it } from "vitest";
import { calculatorService, runSequentially } from "../src/demo/calculation.js";
import { randomCommand } from "../src/demo/commands.js";
import {
  type ClientResult,
  compareDemo,
  type ReplicaFinal,
  withPlantedDifference,
} from "../src/demo/compare.js";
import type { DecidedCommand, DecidedSlot } from "../src/log/decided.js";

function command(clientId: string, sequence: number, method: string, operand: string): DecidedCommand {
  const request = Buffer.from(operand);
  return { clientId, sequence, service: calculatorService, method, request, requestJson: { operand } };
}

function batch(slot: number, ...commands: DecidedCommand[]): DecidedSlot {
  return { slot, proposal: `r1/1/${slot}`, content: { kind: "batch", commands, logTimeMs: 0 } };
}

const log = [
  batch(1, command("1.0", 1, "Add", "5")),
  { slot: 2, proposal: "", content: { kind: "no-op" } } as DecidedSlot,
  batch(3, command("2.0", 1, "Multiply", "3"), command("1.0", 1, "Add", "5")),
  batch(4, command("1.0", 2, "Subtract", "-9223372036854775807")),
];

const results: ClientResult[] = [
  { client: 1, clientId: "1.0", sequence: 1, method: "Add", operand: "5", answer: { value: "5" } },
  { client: 2, clientId: "2.0", sequence: 1, method: "Multiply", operand: "3", answer: { value: "15" } },
  {
    client: 1,
    clientId: "1.0",
    sequence: 2,
    method: "Subtract",
    operand: "-9223372036854775807",
    answer: { error: "OUT_OF_RANGE" },
  },
];

const replicas: ReplicaFinal[] = ["r1", "r2", "r3"].map((id) => ({
  id,
  appliedSlot: 4,
  hash: "ab",
  value: "15",
  log,
}));

describe("a sequential run of the decided log", () => {
  it("executes a command decided twice once, and keeps the number when a result does not fit", () => {
    const run = runSequentially(log);
    expect([...run.answers.values()]).toEqual([{ value: "5" }, { value: "15" }, { error: "OUT_OF_RANGE" }]);
    expect(run).toMatchObject({ repeats: 1, value: "15" });
  });
});

describe("the demo's comparison", () => {
  it("finds nothing when answers, log and replicas agree", () => {
    expect(compareDemo(results, replicas)).toEqual({ differences: [], value: "15", executed: 3, repeats: 1 });
  });

  it("finds the first command altered in the log it compares against", () => {
    const { differences } = compareDemo(results, withPlantedDifference(replicas));
    expect(differences).toContain(
      "client 1, Add 5 (1.0#1): the client got 5, a sequential run gives 1000000",
    );
  });

  it("finds an answer that is not in the log, and a command without an answer", () => {
    const stranger = { ...(results[0] as ClientResult), sequence: 9 };
    const { differences } = compareDemo([stranger, ...results.slice(1)], replicas);
    expect(differences).toEqual([
      "client 1, Add 5 (1.0#9): answered, but not in the decided log",
      "1.0#1 is in the decided log, but no client got an answer to it",
    ]);
  });

  it.each([
    ["applied slot", { appliedSlot: 3 }, "applied slot: r1 has 4, r3 has 3"],
    ["hash", { hash: "cd" }, "hash: r1 has ab, r3 has cd"],
    ["value", { value: "6" }, "value: r1 has 15, r3 has 6"],
    ["value than its own log gives", { value: "6" }, "value: r3 has 6, a sequential run of its log gives 15"],
    ["log", { log: log.slice(0, 3) }, /^decided log: r1 has slot 4: .*, r3 has no further slot$/],
  ] as const)("finds a replica with another %s", (_, change, expected) => {
    const [r1, r2, r3] = replicas as [ReplicaFinal, ReplicaFinal, ReplicaFinal];
    const { differences } = compareDemo(results, [r1, r2, { ...r3, ...change }]);
    expect(differences).toContainEqual(
      typeof expected === "string" ? expected : expect.stringMatching(expected),
    );
  });

  it("draws the same commands from the same seed", () => {
    const draw = () => {
      const random = seededRandom(7);
      return Array.from({ length: 20 }, () => randomCommand(random));
    };
    expect(draw()).toEqual(draw());
    expect(new Set(draw().map(({ method }) => method)).size).toBe(3);
  });
});
