// Short form of the acceptance script "fuzz".
import { expect, it } from "vitest";
import { run } from "../acceptance/fuzz.mjs";

it("malformed bytes and well-formed nonsense end with a right status and change nothing they should not", async () => {
  const lines: string[] = [];
  const parameters = ["--seed", "1", "--calls", "60", "--rounds", "1"];
  const { holds, figures } = await run({ parameters, progress: (line) => void lines.push(line) });
  expect(holds, `${JSON.stringify(figures)}\n${lines.join("\n")}`).toBe(true);
});
