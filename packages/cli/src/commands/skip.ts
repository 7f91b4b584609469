import type { CommandModule } from "yargs";
import { holdSlot } from "../calls.js";
import { Failure } from "../failure.js";
import { print } from "../output.js";
import { agreeOn, goOn, takeBack } from "../remedy/agree.js";
import { askWithinMs, everyReplica, type FoundReplica } from "../remedy/replicas.js";
import { replicaTargets } from "../targets.js";
import { requireWhole, withoutReplicas, withReplicas } from "./options.js";

export interface SkipArguments {
  slot: number;
  command: number | undefined;
  undo: boolean;
  replica: string[];
  without: string[];
}

async function skip({ slot, command, undo, replica, without }: SkipArguments): Promise<void> {
  const wanted = requireWhole("slot", slot, 1);
  const replicas = await everyReplica(await replicaTargets(replica), without);
  if (undo) {
    const decidedIn = await takeBack(replicas, wanted);
    await print(`slot ${wanted} is executed as it is: decided in slot ${decidedIn}`);
    return;
  }
  if (await isRemedied(replicas, wanted)) {
    await print(`something was decided about slot ${wanted} already, and it is executed accordingly`);
    return;
  }
  requireStopped(replicas, wanted);
  const what = command === undefined ? ("batch" as const) : requireWhole("command", command, 0);
  const decidedIn = await agreeOn(replicas, { slot: wanted, skip: what, retire: [] });
  const skipped =
    what === "batch" ? `the commands of slot ${wanted} are` : `command ${what} of slot ${wanted} is`;
  await print(`${skipped} skipped: decided in slot ${decidedIn}`);
  for (const line of await goOn(replicas, wanted)) await print(`  ${line}`);
}

/** True when the replicas that have executed the slot did so with a remedy. */
async function isRemedied(replicas: readonly FoundReplica[], slot: number): Promise<boolean> {
  const beyond = replicas.filter(({ appliedSlot }) => appliedSlot >= slot);
  const answers = await Promise.all(
    beyond.map(({ address, cluster }) => holdSlot(address, slot, 1, askWithinMs, cluster)),
  );
  return answers.length > 0 && answers.every(({ appliedRemedy }) => appliedRemedy > 0);
}

/** A slot that some replica has executed, and may have answered, is not skipped. */
function requireStopped(replicas: readonly FoundReplica[], slot: number): void {
  const beyond = replicas.filter(({ appliedSlot }) => appliedSlot >= slot).map(({ id }) => id);
  if (beyond.length > 0)
    throw new Failure(
      `${beyond.join(", ")} executed slot ${slot}, and may have answered its commands, so nobody skips it: ` +
        "replicas that are stopped before it take it over when they start in empty directories",
    );
  if (replicas.some(({ halt }) => halt?.slot === slot)) return;
  const where = replicas.map(
    ({ id, appliedSlot, halt }) =>
      `${id} ${halt ? `is stopped before slot ${halt.slot}` : `has executed slot ${appliedSlot}`}`,
  );
  throw new Failure(
    `expected a replica that is stopped before slot ${slot}, found none: ${where.join("; ")}`,
  );
}

export const skipCommand: CommandModule<object, SkipArguments> = {
  command: "skip <slot>",
  describe: "has it decided that no replica executes a slot that stops them all, or one command of it",
  builder: (yargs) =>
    withoutReplicas(withReplicas(yargs))
      .positional("slot", { type: "number", demandOption: true, describe: "as `synod status` names it" })
      .option("command", {
        type: "number",
        requiresArg: true,
        describe: "only this command of the slot, as `synod status` names it",
      })
      .option("undo", {
        type: "boolean",
        default: false,
        describe: "have the slot executed after all, when the replicas wait for a decision",
      }),
  handler: skip,
};
