// Short form of the acceptance script "surroundings".
import { expect, it } from "vitest";
import { run } from "../acceptance/surroundings.mjs";

it("what a command cannot print or find is a sentence with its exit code", async () => {
  const lines: string[] = [];
  const { holds } = await run({ parameters: ["--quick"], progress: (line) => void lines.push(line) });
  expect(holds, lines.join("\n")).toBe(true);
});
