import type { CommandModule } from "yargs";
import { askStatus } from "../calls.js";
import { exitCode } from "../failure.js";
import { print } from "../output.js";
import { gather, startingPoints } from "../status/gather.js";
import { presentStatus, sortReports } from "../status/present.js";
import { frontier, verdict } from "../status/verdict.js";
import { withReplicas } from "./options.js";

const answerWithinMs = 1_000;

export const statusCommand: CommandModule<object, { replica: string[]; json: boolean }> = {
  command: "status",
  describe: "who is there, who leads, who lags, and why nothing moves (exit 1 when nothing does)",
  builder: (yargs) =>
    withReplicas(yargs).option("json", {
      type: "boolean",
      default: false,
      describe: "print one line of JSON",
    }),
  handler: async ({ replica, json }) => {
    const { known, cluster } = await startingPoints(replica, process.cwd());
    const ask = (address: string, meant: string | undefined) => askStatus(address, answerWithinMs, meant);
    const reports = await gather(known, ask, cluster);
    const found = verdict(reports);
    const text = json
      ? JSON.stringify({ ...found, frontier: frontier(reports), members: sortReports(reports) })
      : presentStatus(reports);
    await print(text);
    process.exitCode = found.moves ? exitCode.done : exitCode.failed;
  },
};
