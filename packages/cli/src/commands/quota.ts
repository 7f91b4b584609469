import type { CommandModule } from "yargs";
import { askStatus, setQuota } from "../calls.js";
import { exitCode, Failure, reasonOf } from "../failure.js";
import { print } from "../output.js";
import { replicaTargets, type Targets } from "../targets.js";
import { decidedBy, decideWithinMs } from "./decide.js";
import { withReplicas } from "./options.js";

const answerWithinMs = 1_000;
const units: Readonly<Record<string, number>> = {
  "": 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** The bytes that a text such as "4GiB", "512MiB" or "500000000" stands for. */
export function bytesOf(text: string): number {
  const [, number = "", unit = ""] = /^([0-9]+)([KMGT]iB)?$/.exec(text) ?? [];
  const bytes = Number(number) * (units[unit] ?? Number.NaN);
  if (number !== "" && Number.isSafeInteger(bytes) && bytes >= 1) return bytes;
  throw new Failure(
    `quota: expected bytes such as 500000000, 512MiB or 4GiB, found "${text}"`,
    exitCode.usage,
  );
}

async function show({ addresses, cluster }: Targets): Promise<string> {
  const troubles: string[] = [];
  for (const address of addresses) {
    try {
      const { state } = await askStatus(address, answerWithinMs, cluster);
      if (state.role === "replica")
        return `${state.stateBytes} of ${state.quotaBytes} bytes (${((100 * state.stateBytes) / state.quotaBytes).toFixed(1)} %)`;
      troubles.push(`  ${address}: not a replica`);
    } catch (error) {
      troubles.push(`  ${address}: ${reasonOf(error)}`);
    }
  }
  throw new Failure(["no replica answers:", ...troubles].join("\n"));
}

export const quotaCommand: CommandModule<object, { replica: string[]; bytes: string | undefined }> = {
  command: "quota [bytes]",
  describe: "how much the services have stored and may store, or, with bytes (4GiB), sets how much they may",
  builder: (yargs) =>
    withReplicas(yargs).positional("bytes", {
      type: "string",
      describe: "such as 500000000, 512MiB or 4GiB",
    }),
  handler: async ({ replica, bytes }) => {
    const targets = await replicaTargets(replica);
    if (bytes !== undefined) {
      const wanted = bytesOf(bytes);
      const { addresses, cluster } = targets;
      const slot = await decidedBy(addresses, (address) =>
        setQuota(address, wanted, decideWithinMs, cluster),
      );
      await print(`the services may store ${wanted} bytes from slot ${slot} on`);
    } else await print(await show(targets));
  },
};
