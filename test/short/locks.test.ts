// Short form of the first part of the acceptance script "locks".
import { expect, it } from "vitest";
import { run } from "../acceptance/locks.mjs";

it("a lock has one holder at a time, in the order of asking, under kills and lapses", async () => {
  const lines: string[] = [];
  const parameters = ["--part", "contention", "--acquisitions", "70", "--kills", "3"];
  const { holds, figures } = await run({ parameters, progress: (line) => void lines.push(line) });
  expect(holds, `${JSON.stringify(figures)}\n${lines.join("\n")}`).toBe(true);
});
