// Short form of the acceptance script "fsync".
import { expect, it } from "vitest";
import { run } from "../acceptance/fsync.mjs";

it("no P1b or P2b leaves before what it rests on is synced", async () => {
  const lines: string[] = [];
  const parameters = ["--commands", "300", "--faults", "0"];
  const { holds, figures } = await run({ parameters, progress: (line) => void lines.push(line) });
  expect(holds, `${JSON.stringify(figures)}\n${lines.join("\n")}`).toBe(true);
});
