// Short form of the acceptance script "soak", with fewer commands.
import { expect, it } from "vitest";
import { run } from "../acceptance/soak.mjs";

it("however much is written, an acceptor keeps what replicas have not on disk, and no more", async () => {
  const lines: string[] = [];
  const parameters = ["--commands", "7000", "--value-bytes", "4000", "--most-stored", "20"];
  const { holds, figures } = await run({ parameters, progress: (line) => void lines.push(line) });
  expect(holds, `${JSON.stringify(figures)}\n${lines.join("\n")}`).toBe(true);
});
