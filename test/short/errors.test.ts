// Short form of the acceptance script "errors".
import { expect, it } from "vitest";
import { run } from "../acceptance/errors.mjs";

it("a service that goes wrong answers alike at every replica, and changes nothing", async () => {
  const lines: string[] = [];
  const parameters = ["--no-other-build"];
  const { holds, figures } = await run({ parameters, progress: (line) => void lines.push(line) });
  expect(holds, `${JSON.stringify(figures)}\n${lines.join("\n")}`).toBe(true);
});
