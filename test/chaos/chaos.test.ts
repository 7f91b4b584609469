// Short form of the acceptance script "chaos": the same faults for a few seconds.
import { reportText } from "@synod/history";
import { expect, it } from "vitest";
import { chaos } from "./chaos.mjs";

it("what clients saw under faults of every kind is linearizable, and replicas agree", async () => {
  const progress: string[] = [];
  const found = await chaos({
    seconds: 4,
    leastAcknowledged: 201,
    seed: 1,
    progress: (line) => void progress.push(line),
  });
  expect(found.verdict.verdict, `${progress.join("\n")}\n${reportText(found.verdict)}`).toBe("linearizable");
  expect(found.equal, JSON.stringify(found.figures)).toBe(true);
  expect(found.acknowledged).toBeGreaterThan(200);
});
