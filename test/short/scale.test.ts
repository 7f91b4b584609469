// Short forms of the acceptance scripts about large states and long lives: the same code, fewer rows and commands.
import { expect, it } from "vitest";
import { run as restart } from "../acceptance/restart.mjs";
import { run as soak } from "../acceptance/soak.mjs";

const timeout = 120_000;
const progress: string[] = [];
const options = (...parameters: string[]) => ({
  parameters,
  progress: (line: string) => void progress.push(line),
});

it("a replica that was killed answers rightly from its first answer on", { timeout }, async () => {
  const { holds, figures } = await restart(options("--keys", "5000", "--rounds", "1", "--within", "30000"));
  expect(holds, `${JSON.stringify(figures)}\n${progress.join("\n")}`).toBe(true);
});

it("however much is written, an acceptor keeps what replicas have not on disk, and no more", {
  timeout,
}, async () => {
  const short = ["--commands", "10000", "--value-bytes", "4000", "--most-stored", "20"];
  const { holds, figures } = await soak(options(...short));
  expect(holds, `${JSON.stringify(figures)}\n${progress.join("\n")}`).toBe(true);
});
