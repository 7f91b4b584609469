// Short form of the acceptance script "restart", with fewer rows.
import { expect, it } from "vitest";
import { run } from "../acceptance/restart.mjs";

it("a replica that was killed answers rightly from its first answer on", async () => {
  const lines: string[] = [];
  const parameters = ["--keys", "5000", "--rounds", "1", "--within", "30000"];
  const { holds, figures } = await run({ parameters, progress: (line) => void lines.push(line) });
  expect(holds, `${JSON.stringify(figures)}\n${lines.join("\n")}`).toBe(true);
});
