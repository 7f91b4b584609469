// Short form of the acceptance script "disk".
import { expect, it } from "vitest";
import { run } from "../acceptance/disk.mjs";

it("a failed sync ends an acceptor, no vote leaves after it, and nothing that was told is lost", async () => {
  const lines: string[] = [];
  const parameters = ["--only", "errors", "--syncs", "5"];
  const { holds, figures } = await run({ parameters, progress: (line) => void lines.push(line) });
  expect(holds, `${JSON.stringify(figures)}\n${lines.join("\n")}`).toBe(true);
});
