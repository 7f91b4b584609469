// Short form of the acceptance script "soak", with fewer commands.
import { expect, it } from "vitest";
import { run } from "../acceptance/soak.mjs";

it("what is written once replicas have all on disk finds room in what acceptors have forgotten", async () => {
  const lines: string[] = [];
  const parameters = ["--commands", "4000", "--value-bytes", "4000", "--again", "2000"];
  const { holds, figures } = await run({ parameters, progress: (line) => void lines.push(line) });
  expect(holds, `${JSON.stringify(figures)}\n${lines.join("\n")}`).toBe(true);
});
