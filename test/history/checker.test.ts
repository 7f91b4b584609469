// Short form of the acceptance script "checker", and that each history made by hand is judged as a person would.
import { check } from "@synod/history";
import { expect, it } from "vitest";
import { run } from "../acceptance/checker.mjs";
import { largeHistory } from "../acceptance/support/drawn-histories.mjs";
import { random } from "../acceptance/support/flags.mjs";
import { handMade } from "../acceptance/support/hand-made-histories.mjs";

it.each(handMade)("$what: $linearizable", ({ operations, linearizable }) => {
  expect(check(operations).verdict).toBe(linearizable ? "linearizable" : "violation");
});

it("agrees with every order tried, and decides large histories", async () => {
  const progress: string[] = [];
  const { holds, figures } = await run({
    parameters: ["--histories", "500", "--operations", "2000", "--seed", "1"],
    progress: (line) => void progress.push(line),
  });
  expect(holds, `${JSON.stringify(figures)}\n${progress.join("\n")}`).toBe(true);
});

it("decides what is all on one key when writes are told their revisions", () => {
  const history = largeHistory(random(1), { operations: 1_000, outstanding: 32, keys: 1, revisions: true });
  expect(check(history)).toMatchObject({ verdict: "linearizable", largestPartition: 1_000 });
});
