// Short form of the acceptance script "realm".
import { expect, it } from "vitest";
import { run } from "../acceptance/realm.mjs";

it("what differs between machines is refused or the same in handlers, and packages work", async () => {
  const lines: string[] = [];
  const parameters = ["--rounds", "0"];
  const { holds, figures } = await run({ parameters, progress: (line) => void lines.push(line) });
  expect(holds, `${JSON.stringify(figures)}\n${lines.join("\n")}`).toBe(true);
});
