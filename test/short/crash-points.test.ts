// Short form of the acceptance script "crash-points".
import { expect, it } from "vitest";
import { run } from "../acceptance/crash-points.mjs";

it("killed before some of its writes and syncs, an acceptor has all it had answered", async () => {
  const lines: string[] = [];
  const parameters = ["--only", "acceptor", "--every", "24", "--no-plant"];
  const { holds, figures } = await run({ parameters, progress: (line) => void lines.push(line) });
  expect(holds, `${JSON.stringify(figures)}\n${lines.join("\n")}`).toBe(true);
});

it("killed before some of its writes and syncs, a replica that installs a snapshot has one state or the other", async () => {
  const lines: string[] = [];
  const parameters = ["--only", "install", "--points", "2", "--no-plant"];
  const { holds, figures } = await run({ parameters, progress: (line) => void lines.push(line) });
  expect(holds, `${JSON.stringify(figures)}\n${lines.join("\n")}`).toBe(true);
});
