// Short form of the second part of the acceptance script "locks".
import { expect, it } from "vitest";
import { run } from "../acceptance/locks.mjs";

it("no lock ends early when clocks jump an hour and processes stand still, and a renewed one is kept", async () => {
  const lines: string[] = [];
  const parameters = ["--part", "clocks", "--rounds", "1"];
  const { holds, figures } = await run({ parameters, progress: (line) => void lines.push(line) });
  expect(holds, `${JSON.stringify(figures)}\n${lines.join("\n")}`).toBe(true);
});
